// Imports the CSV statements of Revolut into a double-entry ledger: guests/providers/ledger-csv in C.
//
// Built by `just guests-polyglot` with clang and wasi-libc.

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "generated/ledger.h"

typedef ledger_string_t text_t;
typedef tollgate_ledger_types_amount_t amount_t;
typedef tollgate_ledger_types_posting_t posting_t;
typedef tollgate_ledger_types_import_error_t failure_t;
typedef tollgate_ledger_types_problem_t problem_t;
typedef exports_tollgate_ledger_importer_list_directive_t directives_t;

#define FORMAT TOLLGATE_LEDGER_TYPES_PROBLEM_FORMAT
#define COLUMN TOLLGATE_LEDGER_TYPES_PROBLEM_COLUMN
#define DATE TOLLGATE_LEDGER_TYPES_PROBLEM_DATE
#define BAD_AMOUNT TOLLGATE_LEDGER_TYPES_PROBLEM_AMOUNT
#define ENCODING TOLLGATE_LEDGER_TYPES_PROBLEM_ENCODING

enum { TYPE, PRODUCT, STARTED, COMPLETED, DESCRIPTION, AMOUNT, FEE, CURRENCY, STATE, BALANCE, COLUMNS };

static const char *const HEADER[COLUMNS] = {
    "Type", "Product", "Started Date", "Completed Date", "Description", "Amount", "Fee", "Currency", "State", "Balance",
};
static const char TOO_MANY[] = "more than 10 columns where 10 must be";

// Bytes that belong to something else.
typedef struct {
  const uint8_t *at;
  size_t len;
} slice_t;

typedef struct {
  uint32_t line;
  slice_t fields[COLUMNS];
} record_t;

typedef struct {
  record_t *at;
  size_t len;
  // What the fields are slices of.
  uint8_t *bytes;
} records_t;

// A completed row, every field of it checked. A moment sorts as its text.
typedef struct {
  slice_t kind, product, completed, description, amount, fee, balance, currency;
} row_t;

// The accounts that the statement's money moves between.
typedef struct {
  text_t own, counter, fees;
} accounts_t;

static slice_t literal(const char *text) { return (slice_t){(const uint8_t *)text, strlen(text)}; }

static slice_t slice(text_t text) { return (slice_t){text.ptr, text.len}; }

static bool same(slice_t one, slice_t other) {
  return one.len == other.len && (one.len == 0 || memcmp(one.at, other.at, one.len) == 0);
}

static bool starts_with(slice_t text, slice_t start) { return text.len >= start.len && same((slice_t){text.at, start.len}, start); }

static void *memory(void *before, size_t size) {
  void *made = realloc(before, size > 0 ? size : 1);
  if (made == NULL) __builtin_trap();
  return made;
}

// The parts in a row, in memory that the caller frees.
static text_t joined(const slice_t *parts, size_t count) {
  text_t text = {NULL, 0};
  for (size_t at = 0; at < count; at++) text.len += parts[at].len;
  if (text.len == 0) return text;
  uint8_t *to = text.ptr = memory(NULL, text.len);
  for (size_t at = 0; at < count; at++) {
    if (parts[at].len > 0) memcpy(to, parts[at].at, parts[at].len);
    to += parts[at].len;
  }
  return text;
}

#define JOINED(...) joined((slice_t[]){__VA_ARGS__}, sizeof((slice_t[]){__VA_ARGS__}) / sizeof(slice_t))

// The digits of a number, with zeros in front, in `buffer`.
static slice_t number(uint32_t value, size_t width, uint8_t buffer[10]) {
  size_t at = 10;
  for (; value > 0 || 10 - at < width; value /= 10) buffer[--at] = (uint8_t)('0' + value % 10);
  return (slice_t){buffer + at, 10 - at};
}

static bool fail(failure_t *err, uint32_t line, problem_t problem, text_t message) {
  *err = (failure_t){line, problem, message};
  return false;
}

static slice_t without_mark(ledger_list_u8_t bytes) {
  slice_t all = {bytes.ptr, bytes.len};
  return starts_with(all, literal("\xef\xbb\xbf")) ? (slice_t){all.at + 3, all.len - 3} : all;
}

static bool is_blank(uint8_t byte) { return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\f' || byte == '\r'; }

static bool is_digit(uint8_t byte) { return byte >= '0' && byte <= '9'; }

static bool is_upper(uint8_t byte) { return byte >= 'A' && byte <= 'Z'; }

static uint8_t lower(uint8_t byte) { return is_upper(byte) ? byte + ('a' - 'A') : byte; }

static bool is_utf8(slice_t text) {
  static const uint32_t LEAST[] = {0, 0x80, 0x800, 0x10000};
  for (size_t at = 0; at < text.len;) {
    uint8_t first = text.at[at++];
    if (first < 0x80) continue;
    if (first < 0xc0 || first > 0xf7) return false;
    size_t more = first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3;
    uint32_t code = first & (0x3f >> more);
    if (text.len - at < more) return false;
    for (size_t left = more; left > 0; left--, at++) {
      if ((text.at[at] & 0xc0) != 0x80) return false;
      code = code << 6 | (text.at[at] & 0x3f);
    }
    if (code < LEAST[more] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return false;
  }
  return true;
}

static bool check_header(slice_t file, failure_t *err) {
  const uint8_t *end = file.len > 0 ? memchr(file.at, '\n', file.len) : NULL;
  slice_t line = {file.at, end != NULL ? (size_t)(end - file.at) : file.len};
  while (line.len > 0 && is_blank(line.at[line.len - 1])) line.len--;
  // Behind the last column there is none, and behind a comma there is one, which may be empty.
  bool is_left = true;
  for (size_t at = 0; at < COLUMNS; at++) {
    const uint8_t *comma = line.len > 0 ? memchr(line.at, ',', line.len) : NULL;
    slice_t column = {line.at, comma != NULL ? (size_t)(comma - line.at) : line.len};
    if (!is_left || !same(column, literal(HEADER[at]))) {
      if (at == 0) return fail(err, 1, FORMAT, JOINED(literal("this is not a Revolut statement")));
      uint8_t buffer[10];
      return fail(err, 1, COLUMN,
                  JOINED(literal("column "), number(at + 1, 1, buffer), literal(" must be `"), literal(HEADER[at]), literal("`")));
    }
    is_left = comma != NULL;
    size_t passed = column.len + is_left;
    line = (slice_t){line.at + passed, line.len - passed};
  }
  return !is_left || fail(err, 1, COLUMN, JOINED(literal(TOO_MANY)));
}

// Puts the field at `*at` into `field`, without its quotes, and its bytes to `*to`. Leaves `*at` where it ends.
static bool read_field(slice_t file, size_t *at, uint8_t **to, slice_t *field) {
  bool is_quoted = file.at[*at] == '"';
  field->at = *to;
  for (*at += is_quoted;; (*at)++) {
    // Behind the last byte comes a line break.
    uint8_t byte = *at < file.len ? file.at[*at] : '\n';
    if (is_quoted) {
      if (*at >= file.len) return false;
      if (byte == '"' && (*at + 1 >= file.len || file.at[*at + 1] != '"')) {
        is_quoted = false;
        continue;
      }
      *at += byte == '"';
    } else if (byte == ',' || byte == '\r' || byte == '\n') {
      field->len = (size_t)(*to - field->at);
      return true;
    }
    *(*to)++ = byte;
  }
}

static uint32_t line_breaks(slice_t file, size_t from, size_t to) {
  uint32_t count = 0;
  for (; from < to && from < file.len; from++) count += file.at[from] == '\n';
  return count;
}

// Gives all records. Empty lines are passed over.
static bool read_records(slice_t file, records_t *records, failure_t *err) {
  uint8_t *to = records->bytes = memory(NULL, file.len);
  size_t room = 0;
  uint32_t line = 1;
  for (size_t at = 0;;) {
    size_t start = at;
    while (at < file.len && (file.at[at] == '\r' || file.at[at] == '\n')) at++;
    line += line_breaks(file, start, at);
    if (at >= file.len) return true;
    start = at;
    if (records->len == room) {
      room = room * 2 + 16;
      records->at = memory(records->at, room * sizeof *records->at);
    }
    record_t *record = &records->at[records->len++];
    record->line = line;
    size_t count = 0;
    for (bool is_left = true; is_left; at++) {
      if (count == COLUMNS) return fail(err, line, COLUMN, JOINED(literal(TOO_MANY)));
      // Behind the last comma of a file, a field is empty.
      slice_t *field = &record->fields[count++];
      if (at >= file.len) {
        *field = (slice_t){to, 0};
      } else if (!read_field(file, &at, &to, field)) {
        return fail(err, line, FORMAT, JOINED(literal("a quote is opened and never closed")));
      }
      is_left = at < file.len && file.at[at] == ',';
    }
    if (count < COLUMNS) {
      uint8_t buffer[10];
      return fail(err, line, COLUMN, JOINED(number(count, 1, buffer), literal(" columns where 10 must be")));
    }
    for (size_t column = 0; column < COLUMNS; column++) {
      if (!is_utf8(record->fields[column])) return fail(err, line, ENCODING, JOINED(literal("this is not UTF-8")));
    }
    line += line_breaks(file, start, at);
  }
}

static uint32_t days_in_month(uint32_t year, uint32_t month) {
  bool is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
  if (month == 2) return is_leap ? 29 : 28;
  return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

static uint32_t digits(slice_t text, size_t from, size_t to) {
  uint32_t value = 0;
  for (; from < to; from++) value = value * 10 + (text.at[from] - '0');
  return value;
}

// Whether the text is a moment such as `2026-11-21 09:30:00`.
static bool is_moment(slice_t text) {
  static const char SHAPE[] = "0000-00-00 00:00:00";
  if (text.len != sizeof SHAPE - 1) return false;
  for (size_t at = 0; at < text.len; at++) {
    if (SHAPE[at] == '0' ? !is_digit(text.at[at]) : text.at[at] != SHAPE[at]) return false;
  }
  uint32_t year = digits(text, 0, 4), month = digits(text, 5, 7), day = digits(text, 8, 10);
  return month >= 1 && month <= 12 && day >= 1 && day <= days_in_month(year, month) && digits(text, 11, 13) < 24 &&
         digits(text, 14, 16) < 60 && digits(text, 17, 19) < 60;
}

static text_t next_day(slice_t moment) {
  uint32_t year = digits(moment, 0, 4), month = digits(moment, 5, 7), day = digits(moment, 8, 10) + 1;
  if (day > days_in_month(year, month)) {
    day = 1;
    month++;
  }
  if (month > 12) {
    month = 1;
    year++;
  }
  uint8_t years[10], months[10], days[10];
  return JOINED(number(year, 4, years), literal("-"), number(month, 2, months), literal("-"), number(day, 2, days));
}

static bool is_decimal(slice_t text) {
  size_t at = text.len > 0 && text.at[0] == '-', start = at;
  while (at < text.len && is_digit(text.at[at])) at++;
  if (at == start || at == text.len) return at > start;
  if (text.at[at] != '.') return false;
  start = ++at;
  while (at < text.len && is_digit(text.at[at])) at++;
  return at > start && at == text.len;
}

static bool is_zero(slice_t decimal) {
  for (size_t at = 0; at < decimal.len; at++) {
    if (decimal.at[at] >= '1' && decimal.at[at] <= '9') return false;
  }
  return true;
}

static bool is_currency(slice_t text) {
  for (size_t at = 0; at < text.len; at++) {
    if (!is_digit(text.at[at]) && !is_upper(text.at[at])) return false;
  }
  return text.len >= 3 && text.len <= 5;
}

static bool is_product(slice_t text) {
  for (size_t at = 0; at < text.len; at++) {
    uint8_t small = lower(text.at[at]);
    if (!is_digit(text.at[at]) && !(small >= 'a' && small <= 'z')) return false;
  }
  return text.len > 0 && is_upper(text.at[0]);
}

// The text with every run of white space, line breaks too, made a single space.
static text_t one_line(slice_t from) {
  text_t text = {NULL, 0};
  if (from.len == 0) return text;
  text.ptr = memory(NULL, from.len);
  for (size_t at = 0; at < from.len; at++) {
    bool begins = !is_blank(from.at[at]) && at > 0 && is_blank(from.at[at - 1]);
    if (begins && text.len > 0) text.ptr[text.len++] = ' ';
    if (!is_blank(from.at[at])) text.ptr[text.len++] = from.at[at];
  }
  // An empty text has no memory that its receiver would free.
  if (text.len == 0) free(text.ptr);
  return text;
}

static bool is_money(uint32_t line, const char *column, slice_t text, slice_t currency, failure_t *err) {
  if (!is_currency(currency)) return fail(err, line, BAD_AMOUNT, JOINED(literal("`"), currency, literal("` is not a currency")));
  return is_decimal(text) ||
         fail(err, line, BAD_AMOUNT, JOINED(literal(column), literal(": `"), text, literal("` is not a number")));
}

// Leaves `moved` false for a row whose money did not move.
static bool parse_row(const record_t *record, row_t *row, bool *moved, failure_t *err) {
  static const char *const UNMOVED[] = {"PENDING", "REVERTED", "DECLINED", "FAILED"};
  const slice_t *fields = record->fields;
  slice_t state = fields[STATE];
  *moved = same(state, literal("COMPLETED"));
  for (size_t at = 0; at < 4 && !*moved; at++) {
    if (same(state, literal(UNMOVED[at]))) return true;
  }
  uint32_t line = record->line;
  if (!*moved) return fail(err, line, FORMAT, JOINED(literal("the state `"), state, literal("` is not known")));
  if (!is_product(fields[PRODUCT])) {
    return fail(err, line, FORMAT, JOINED(literal("the product `"), fields[PRODUCT], literal("` is not known")));
  }
  if (!is_moment(fields[COMPLETED])) {
    return fail(err, line, DATE, JOINED(literal("`"), fields[COMPLETED], literal("` is not a date and time")));
  }
  *row = (row_t){
      .kind = fields[TYPE],
      .product = fields[PRODUCT],
      .completed = fields[COMPLETED],
      .description = fields[DESCRIPTION],
      .amount = fields[AMOUNT],
      .fee = fields[FEE],
      .balance = fields[BALANCE],
      .currency = fields[CURRENCY],
  };
  return is_money(line, "Amount", row->amount, row->currency, err) && is_money(line, "Fee", row->fee, row->currency, err) &&
         is_money(line, "Balance", row->balance, row->currency, err);
}

static text_t account_of(slice_t product, const accounts_t *accounts) {
  if (same(product, literal("Current"))) return JOINED(slice(accounts->own));
  return JOINED(slice(accounts->own), literal(":"), product);
}

static amount_t amount_of(slice_t decimal, slice_t currency) { return (amount_t){JOINED(decimal), JOINED(currency)}; }

static tollgate_ledger_types_transaction_t transaction(const row_t *row, const accounts_t *accounts) {
  // A row that is a fee alone has an amount of zero, and no other side.
  bool has_fee = !is_zero(row->fee), is_fee_alone = has_fee && is_zero(row->amount);
  posting_t *postings = memory(NULL, 4 * sizeof *postings);
  size_t count = 0;
  if (!is_fee_alone) {
    postings[count++] = (posting_t){account_of(row->product, accounts), {true, amount_of(row->amount, row->currency)}};
  }
  if (has_fee) {
    // The fee comes off on top of the amount.
    bool is_negative = row->fee.at[0] == '-';
    slice_t unsigned_fee = {row->fee.at + is_negative, row->fee.len - is_negative};
    amount_t taken = {JOINED(literal(is_negative ? "" : "-"), unsigned_fee), JOINED(row->currency)};
    postings[count++] = (posting_t){account_of(row->product, accounts), {true, taken}};
    postings[count++] = (posting_t){JOINED(slice(accounts->fees)), {true, amount_of(row->fee, row->currency)}};
  }
  if (!is_fee_alone) postings[count++] = (posting_t){.account = JOINED(slice(accounts->counter)), .amount = {.is_some = false}};

  text_t kind = one_line(row->kind), description = one_line(row->description);
  for (size_t at = 0; at < kind.len; at++) kind.ptr[at] = kind.ptr[at] == '_' ? ' ' : lower(kind.ptr[at]);
  return (tollgate_ledger_types_transaction_t){
      .date = JOINED((slice_t){row->completed.at, 10}),
      .payee = {description.len > 0, description},
      .narration = kind,
      .postings = {postings, count},
  };
}

// The row completed last of each product and currency. The file is sorted by when a row was started, so it need not be the
// last one.
static void close(row_t *closings, size_t *count, const row_t *row) {
  for (size_t at = 0; at < *count; at++) {
    row_t *seen = &closings[at];
    if (same(seen->product, row->product) && same(seen->currency, row->currency)) {
      if (memcmp(seen->completed.at, row->completed.at, row->completed.len) <= 0) *seen = *row;
      return;
    }
  }
  closings[(*count)++] = *row;
}

static bool import(const records_t *records, const accounts_t *accounts, directives_t *ret, failure_t *err) {
  // Each row is one directive, and closes one account at most.
  ret->ptr = memory(NULL, records->len * 2 * sizeof *ret->ptr);
  row_t *closings = memory(NULL, records->len * sizeof *closings);
  size_t closed = 0;
  bool is_good = true;
  for (size_t at = 1; at < records->len && is_good; at++) {
    row_t row;
    bool moved;
    is_good = parse_row(&records->at[at], &row, &moved, err);
    if (!is_good || !moved) continue;
    close(closings, &closed, &row);
    ret->ptr[ret->len++] = (exports_tollgate_ledger_importer_directive_t){
        .tag = TOLLGATE_LEDGER_TYPES_DIRECTIVE_TRANSACTION,
        .val = {.transaction = transaction(&row, accounts)},
    };
  }
  for (size_t at = 0; at < closed && is_good; at++) {
    const row_t *row = &closings[at];
    ret->ptr[ret->len++] = (exports_tollgate_ledger_importer_directive_t){
        .tag = TOLLGATE_LEDGER_TYPES_DIRECTIVE_BALANCE,
        // A balance is that of the start of a day, so of the day after.
        .val = {.balance = {next_day(row->completed), account_of(row->product, accounts), amount_of(row->balance, row->currency)}},
    };
  }
  free(closings);
  if (!is_good || ret->len == 0) {
    for (size_t at = 0; at < ret->len; at++) exports_tollgate_ledger_importer_directive_free(&ret->ptr[at]);
    free(ret->ptr);
  }
  return is_good;
}

static text_t setting(const char *key, const char *or_else) {
  text_t name, value;
  ledger_string_set(&name, key);
  return tollgate_provider_config_get(&name, &value) ? value : JOINED(literal(or_else));
}

bool exports_tollgate_ledger_importer_identify(ledger_string_t *name, ledger_list_u8_t *head) {
  static const char ENDING[] = ".csv";
  bool is_known = name->len >= 4;
  for (size_t at = 0; at < 4 && is_known; at++) is_known = lower(name->ptr[name->len - 4 + at]) == ENDING[at];
  slice_t rest = without_mark(*head);
  for (size_t at = 0; at < COLUMNS && is_known; at++) {
    slice_t column = literal(HEADER[at]);
    if (at > 0) {
      is_known = starts_with(rest, literal(","));
      if (is_known) rest = (slice_t){rest.at + 1, rest.len - 1};
    }
    is_known = is_known && starts_with(rest, column);
    if (is_known) rest = (slice_t){rest.at + column.len, rest.len - column.len};
  }
  ledger_string_free(name);
  ledger_list_u8_free(head);
  return is_known;
}

bool exports_tollgate_ledger_importer_parse(ledger_list_u8_t *statement, directives_t *ret, failure_t *err) {
  accounts_t accounts = {
      setting("account", "Assets:Bank:Checking"),
      setting("counter-account", "Expenses:Unknown"),
      setting("fee-account", "Expenses:Bank:Fees"),
  };
  slice_t file = without_mark(*statement);
  records_t records = {NULL, 0, NULL};
  *ret = (directives_t){NULL, 0};
  bool is_good = check_header(file, err) && read_records(file, &records, err) && import(&records, &accounts, ret, err);
  free(records.at);
  free(records.bytes);
  ledger_string_free(&accounts.own);
  ledger_string_free(&accounts.counter);
  ledger_string_free(&accounts.fees);
  ledger_list_u8_free(statement);
  return is_good;
}
