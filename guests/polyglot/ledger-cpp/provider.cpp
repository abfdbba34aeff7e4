// Imports the CSV statements of Revolut into a double-entry ledger: guests/providers/ledger-csv in C++.
//
// Built by `just guests-polyglot` with clang, libc++ and wasi-libc, without exceptions: a function that can fail gives an
// optional, and leaves the reason in `failure`.

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "generated/ledger.h"

using std::optional;
using std::string;
using std::string_view;
using std::vector;
using namespace std::string_view_literals;

using Amount = tollgate_ledger_types_amount_t;
using Posting = tollgate_ledger_types_posting_t;
using Transaction = tollgate_ledger_types_transaction_t;
using Directive = exports_tollgate_ledger_importer_directive_t;
using Problem = tollgate_ledger_types_problem_t;

static constexpr Problem FORMAT = TOLLGATE_LEDGER_TYPES_PROBLEM_FORMAT;
static constexpr Problem COLUMN = TOLLGATE_LEDGER_TYPES_PROBLEM_COLUMN;
static constexpr Problem DATE = TOLLGATE_LEDGER_TYPES_PROBLEM_DATE;
static constexpr Problem AMOUNT = TOLLGATE_LEDGER_TYPES_PROBLEM_AMOUNT;
static constexpr Problem ENCODING = TOLLGATE_LEDGER_TYPES_PROBLEM_ENCODING;

static constexpr std::array HEADER = {"Type"sv,   "Product"sv, "Started Date"sv, "Completed Date"sv, "Description"sv,
                                      "Amount"sv, "Fee"sv,     "Currency"sv,     "State"sv,          "Balance"sv};
static constexpr string_view BLANKS = "\t\n\f\r ";
static constexpr string_view DIGITS = "0123456789";
static constexpr string_view TOO_MANY = "more than 10 columns where 10 must be";

struct Failure {
  uint32_t line = 0;
  Problem problem = FORMAT;
  string message;
};

struct Record {
  uint32_t line;
  vector<string> fields;
};

// A moment, which sorts as its text.
struct Moment {
  string text;
  unsigned year, month, day;
};

// A decimal number with its currency.
struct Money {
  string number, currency;
};

// A completed row, every field of it checked.
struct Row {
  string kind, account;
  Moment completed;
  string description;
  Money amount, fee, balance;
};

// The accounts that the statement's money moves between.
struct Accounts {
  string own, counter, fees;
};

static std::nullopt_t fail(Failure &failure, uint32_t line, Problem problem, string message) {
  failure = {line, problem, std::move(message)};
  return std::nullopt;
}

static string quoted(string_view text) { return "`" + string(text) + "`"; }

static string_view without_mark(string_view bytes) {
  return bytes.starts_with("\xef\xbb\xbf"sv) ? bytes.substr(3) : bytes;
}

static bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

// No other letters are changed.
static char lower(char c) { return is_upper(c) ? static_cast<char>(c + ('a' - 'A')) : c; }

static string lowered(string text) {
  std::transform(text.begin(), text.end(), text.begin(), lower);
  return text;
}

static bool is_utf8(string_view text) {
  static constexpr uint32_t LEAST[] = {0, 0x80, 0x800, 0x10000};
  while (!text.empty()) {
    auto first = static_cast<uint8_t>(text.front());
    text.remove_prefix(1);
    if (first < 0x80) continue;
    if (first < 0xc0 || first > 0xf7) return false;
    size_t more = first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3;
    if (text.size() < more) return false;
    uint32_t code = first & (0x3f >> more);
    for (char c : text.substr(0, more)) {
      if ((c & 0xc0) != 0x80) return false;
      code = code << 6 | (c & 0x3f);
    }
    if (code < LEAST[more] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return false;
    text.remove_prefix(more);
  }
  return true;
}

static optional<bool> check_header(string_view file, Failure &failure) {
  string_view line = file.substr(0, file.find('\n'));
  line = line.substr(0, line.find_last_not_of(BLANKS) + 1);
  // Behind the last column there is none, and behind a comma there is one, which may be empty.
  bool is_left = true;
  for (size_t at = 0; at < HEADER.size(); at++) {
    size_t comma = line.find(',');
    if (!is_left || line.substr(0, comma) != HEADER[at]) {
      if (at == 0) return fail(failure, 1, FORMAT, "this is not a Revolut statement");
      return fail(failure, 1, COLUMN, "column " + std::to_string(at + 1) + " must be " + quoted(HEADER[at]));
    }
    is_left = comma != string_view::npos;
    line = is_left ? line.substr(comma + 1) : string_view();
  }
  if (is_left) return fail(failure, 1, COLUMN, string(TOO_MANY));
  return true;
}

// The field at the beginning of `rest`, without its quotes. What is left begins with what ends the field.
static optional<string> read_field(string_view &rest) {
  string field;
  if (rest.starts_with('"')) {
    for (;;) {
      rest.remove_prefix(1);
      size_t quote = rest.find('"');
      if (quote == string_view::npos) return std::nullopt;
      field += rest.substr(0, quote);
      rest.remove_prefix(quote + 1);
      // Two quotes are one of the field.
      if (!rest.starts_with('"')) break;
      field += '"';
    }
  }
  size_t end = std::min(rest.find_first_of(",\r\n"), rest.size());
  field += rest.substr(0, end);
  rest.remove_prefix(end);
  return field;
}

static uint32_t line_breaks(string_view text) { return static_cast<uint32_t>(std::count(text.begin(), text.end(), '\n')); }

// All records. Empty lines are passed over.
static optional<vector<Record>> read_records(string_view rest, Failure &failure) {
  vector<Record> records;
  for (uint32_t line = 1;;) {
    string_view blank = rest.substr(0, rest.find_first_not_of("\r\n"));
    line += line_breaks(blank);
    rest.remove_prefix(blank.size());
    if (rest.empty()) return records;
    string_view start = rest;
    Record record = {line, {}};
    for (bool is_left = true; is_left;) {
      if (record.fields.size() == HEADER.size()) return fail(failure, line, COLUMN, string(TOO_MANY));
      optional<string> field = read_field(rest);
      if (!field) return fail(failure, line, FORMAT, "a quote is opened and never closed");
      record.fields.push_back(std::move(*field));
      is_left = rest.starts_with(',');
      if (!rest.empty()) rest.remove_prefix(1);
    }
    if (record.fields.size() < HEADER.size()) {
      return fail(failure, line, COLUMN, std::to_string(record.fields.size()) + " columns where 10 must be");
    }
    if (!std::all_of(record.fields.begin(), record.fields.end(), is_utf8)) {
      return fail(failure, line, ENCODING, "this is not UTF-8");
    }
    records.push_back(std::move(record));
    line += line_breaks(start.substr(0, start.size() - rest.size()));
  }
}

static unsigned days_in_month(unsigned year, unsigned month) {
  bool is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
  if (month == 2) return is_leap ? 29 : 28;
  return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

static optional<Moment> moment(const string &text) {
  static constexpr string_view SHAPE = "0000-00-00 00:00:00";
  auto fits = [](char c, char shape) { return shape == '0' ? is_digit(c) : c == shape; };
  if (!std::equal(text.begin(), text.end(), SHAPE.begin(), SHAPE.end(), fits)) return std::nullopt;
  auto part = [&](size_t from, size_t to) {
    unsigned value = 0;
    std::from_chars(text.data() + from, text.data() + to, value);
    return value;
  };
  unsigned year = part(0, 4), month = part(5, 7), day = part(8, 10);
  bool exists = month >= 1 && month <= 12 && day >= 1 && day <= days_in_month(year, month);
  if (!exists || part(11, 13) > 23 || part(14, 16) > 59 || part(17, 19) > 59) return std::nullopt;
  return Moment{text, year, month, day};
}

static string padded(unsigned value, size_t width) {
  string digits = std::to_string(value);
  return string(width - std::min(width, digits.size()), '0') + digits;
}

static string next_day(const Moment &moment) {
  auto [text, year, month, day] = moment;
  if (++day > days_in_month(year, month)) {
    day = 1;
    month++;
  }
  if (month > 12) {
    month = 1;
    year++;
  }
  return padded(year, 4) + "-" + padded(month, 2) + "-" + padded(day, 2);
}

static bool are_digits(string_view text) { return !text.empty() && text.find_first_not_of(DIGITS) == string_view::npos; }

static bool is_decimal(string_view text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  size_t point = text.find('.');
  bool is_whole = point == string_view::npos;
  return are_digits(text.substr(0, point)) && (is_whole || are_digits(text.substr(point + 1)));
}

static bool is_zero(string_view decimal) { return decimal.find_first_of("123456789") == string_view::npos; }

static string negated(const string &decimal) { return decimal.starts_with('-') ? decimal.substr(1) : "-" + decimal; }

// The text with every run of white space, line breaks too, made a single space.
static string one_line(string_view text) {
  string line;
  for (;;) {
    size_t start = text.find_first_not_of(BLANKS);
    if (start == string_view::npos) return line;
    text.remove_prefix(start);
    string_view word = text.substr(0, text.find_first_of(BLANKS));
    if (!line.empty()) line += ' ';
    line += word;
    text.remove_prefix(word.size());
  }
}

static optional<Money> money(const Record &record, size_t column, Failure &failure) {
  const string &number = record.fields[column], &currency = record.fields[7];
  auto is_good = [](char c) { return is_upper(c) || is_digit(c); };
  bool is_currency = currency.size() >= 3 && currency.size() <= 5 && std::all_of(currency.begin(), currency.end(), is_good);
  if (!is_currency) return fail(failure, record.line, AMOUNT, quoted(currency) + " is not a currency");
  if (is_decimal(number)) return Money{number, currency};
  return fail(failure, record.line, AMOUNT, string(HEADER[column]) + ": " + quoted(number) + " is not a number");
}

static bool is_product(string_view text) {
  auto is_good = [](char c) { return is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'z'); };
  return !text.empty() && is_upper(text.front()) && std::all_of(text.begin(), text.end(), is_good);
}

// The row of a record, every field of it checked.
static optional<Row> parse_row(const Record &record, const string &own, Failure &failure) {
  const vector<string> &fields = record.fields;
  const string &product = fields[1], &state = fields[8];
  if (state != "COMPLETED") return fail(failure, record.line, FORMAT, "the state " + quoted(state) + " is not known");
  if (!is_product(product)) return fail(failure, record.line, FORMAT, "the product " + quoted(product) + " is not known");
  optional<Moment> completed = moment(fields[3]);
  if (!completed) return fail(failure, record.line, DATE, quoted(fields[3]) + " is not a date and time");
  optional<Money> amount = money(record, 5, failure);
  optional<Money> fee = amount ? money(record, 6, failure) : std::nullopt;
  optional<Money> balance = fee ? money(record, 9, failure) : std::nullopt;
  if (!balance) return std::nullopt;
  string kind = lowered(one_line(fields[0]));
  std::replace(kind.begin(), kind.end(), '_', ' ');
  string account = product == "Current" ? own : own + ":" + product;
  return Row{kind, account, *completed, one_line(fields[4]), *amount, *fee, *balance};
}

static bool moved_nothing(string_view state) {
  return state == "PENDING" || state == "REVERTED" || state == "DECLINED" || state == "FAILED";
}

// A copy that the host's side frees.
static ledger_string_t given(string_view text) {
  ledger_string_t copy = {nullptr, 0};
  if (!text.empty()) ledger_string_dup_n(&copy, text.data(), text.size());
  return copy;
}

static Amount given(const Money &money) { return {given(money.number), given(money.currency)}; }

// The same for a list.
template <typename List, typename Item>
static List given(const vector<Item> &items) {
  List list = {nullptr, items.size()};
  if (items.empty()) return list;
  list.ptr = static_cast<Item *>(std::malloc(items.size() * sizeof(Item)));
  if (list.ptr == nullptr) __builtin_trap();
  std::copy(items.begin(), items.end(), list.ptr);
  return list;
}

static Posting posting(string_view account, const Money &money) { return {given(account), {true, given(money)}}; }

static Transaction transaction(const Row &row, const Accounts &accounts) {
  // A row that is a fee alone has an amount of zero, and no other side.
  bool has_fee = !is_zero(row.fee.number), is_fee_alone = has_fee && is_zero(row.amount.number);
  vector<Posting> postings;
  if (!is_fee_alone) postings.push_back(posting(row.account, row.amount));
  if (has_fee) {
    // The fee comes off on top of the amount.
    postings.push_back(posting(row.account, {negated(row.fee.number), row.fee.currency}));
    postings.push_back(posting(accounts.fees, row.fee));
  }
  if (!is_fee_alone) postings.push_back({given(accounts.counter), {}});
  return {
      given(string_view(row.completed.text).substr(0, 10)),
      {!row.description.empty(), given(row.description)},
      given(row.kind),
      given<tollgate_ledger_types_list_posting_t>(postings),
  };
}

// Keeps the row completed last of each account and currency. The file is sorted by when a row was started, so it need not be
// the last one.
static void close(vector<Row> &closings, const Row &row) {
  auto is_same = [&](const Row &seen) {
    return seen.account == row.account && seen.balance.currency == row.balance.currency;
  };
  auto seen = std::find_if(closings.begin(), closings.end(), is_same);
  if (seen == closings.end()) {
    closings.push_back(row);
  } else if (seen->completed.text <= row.completed.text) {
    *seen = row;
  }
}

static optional<vector<Row>> read_rows(string_view file, const Accounts &accounts, Failure &failure) {
  if (!check_header(file, failure)) return std::nullopt;
  optional<vector<Record>> records = read_records(file, failure);
  if (!records) return std::nullopt;
  vector<Row> rows;
  for (size_t at = 1; at < records->size(); at++) {
    const Record &record = (*records)[at];
    if (moved_nothing(record.fields[8])) continue;
    optional<Row> row = parse_row(record, accounts.own, failure);
    if (!row) return std::nullopt;
    rows.push_back(std::move(*row));
  }
  return rows;
}

static string setting(const char *key, const char *or_else) {
  ledger_string_t name, value;
  ledger_string_set(&name, key);
  if (!tollgate_provider_config_get(&name, &value)) return or_else;
  string text(reinterpret_cast<const char *>(value.ptr), value.len);
  ledger_string_free(&value);
  return text;
}

static string_view view(const uint8_t *bytes, size_t length) { return {reinterpret_cast<const char *>(bytes), length}; }

extern "C" bool exports_tollgate_ledger_importer_identify(ledger_string_t *name, ledger_list_u8_t *head) {
  string header;
  for (string_view column : HEADER) header += (header.empty() ? "" : ",") + string(column);
  bool is_csv = lowered(string(view(name->ptr, name->len))).ends_with(".csv");
  bool is_known = is_csv && without_mark(view(head->ptr, head->len)).starts_with(header);
  ledger_string_free(name);
  ledger_list_u8_free(head);
  return is_known;
}

extern "C" bool exports_tollgate_ledger_importer_parse(ledger_list_u8_t *statement,
                                                       exports_tollgate_ledger_importer_list_directive_t *ret,
                                                       exports_tollgate_ledger_importer_import_error_t *err) {
  Accounts accounts = {
      setting("account", "Assets:Bank:Checking"),
      setting("counter-account", "Expenses:Unknown"),
      setting("fee-account", "Expenses:Bank:Fees"),
  };
  Failure failure;
  optional<vector<Row>> rows = read_rows(without_mark(view(statement->ptr, statement->len)), accounts, failure);
  ledger_list_u8_free(statement);
  if (!rows) {
    *err = {failure.line, failure.problem, given(failure.message)};
    return false;
  }
  vector<Directive> directives;
  vector<Row> closings;
  for (const Row &row : *rows) {
    close(closings, row);
    Directive directive = {TOLLGATE_LEDGER_TYPES_DIRECTIVE_TRANSACTION, {}};
    directive.val.transaction = transaction(row, accounts);
    directives.push_back(directive);
  }
  for (const Row &row : closings) {
    Directive directive = {TOLLGATE_LEDGER_TYPES_DIRECTIVE_BALANCE, {}};
    // A balance is that of the start of a day, so of the day after.
    directive.val.balance = {given(next_day(row.completed)), given(row.account), given(row.balance)};
    directives.push_back(directive);
  }
  *ret = given<exports_tollgate_ledger_importer_list_directive_t>(directives);
  return true;
}
