// Counts the lines, words and bytes of a text.

#include <stdbool.h>
#include <stdio.h>

#include "generated/provider.h"

static bool is_blank(unsigned char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

// Gives true with a result in `ret`, or false with an error in `err`. The caller frees both, and what it passed is freed here.
bool exports_provider_run(provider_list_u8_t *input, provider_list_u8_t *ret, provider_error_t *err) {
  (void)err;
  size_t lines = 0, words = 0;
  bool in_word = false;
  for (size_t at = 0; at < input->len; at++) {
    unsigned char c = input->ptr[at];
    words += !is_blank(c) && !in_word;
    in_word = !is_blank(c);
    lines += c == '\n';
  }
  lines += input->len > 0 && input->ptr[input->len - 1] != '\n';

  char text[128];
  provider_string_t line;
  snprintf(text, sizeof text, "%zu bytes of input", input->len);
  provider_string_set(&line, text);
  tollgate_provider_log_write(TOLLGATE_PROVIDER_LOG_LEVEL_INFO, &line);

  snprintf(text, sizeof text, "lines: %zu, words: %zu, bytes: %zu\n", lines, words, input->len);
  provider_string_dup(&line, text);
  ret->ptr = line.ptr;
  ret->len = line.len;
  provider_list_u8_free(input);
  return true;
}
