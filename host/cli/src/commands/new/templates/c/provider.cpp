// Counts the lines, words and bytes of a text.

#include <cctype>
#include <string>
#include <string_view>

#include "generated/provider.h"

static bool is_blank(char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; }

// Gives true with a result in `ret`, or false with an error in `err`. The caller frees both, and what it passed is freed here.
extern "C" bool exports_provider_run(provider_list_u8_t *input, provider_list_u8_t *ret, provider_error_t *) {
  std::string_view text(reinterpret_cast<const char *>(input->ptr), input->len);
  size_t lines = 0, words = 0;
  bool in_word = false;
  for (char c : text) {
    words += !is_blank(c) && !in_word;
    in_word = !is_blank(c);
    lines += c == '\n';
  }
  lines += !text.empty() && text.back() != '\n';

  provider_string_t line;
  std::string message = std::to_string(text.size()) + " bytes of input";
  provider_string_set(&line, message.c_str());
  tollgate_provider_log_write(TOLLGATE_PROVIDER_LOG_LEVEL_INFO, &line);

  std::string answer = "lines: " + std::to_string(lines) + ", words: " + std::to_string(words) +
                       ", bytes: " + std::to_string(text.size()) + "\n";
  provider_string_dup(&line, answer.c_str());
  ret->ptr = line.ptr;
  ret->len = line.len;
  provider_list_u8_free(input);
  return true;
}
