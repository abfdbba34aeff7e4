// Imports the CSV statements of Revolut into a double-entry ledger: guests/providers/ledger-csv in JavaScript.
//
// Built by `just guests-polyglot` with componentize-js.

import { get } from 'tollgate:provider/config@0.1.0';

const HEADER = ['Type', 'Product', 'Started Date', 'Completed Date', 'Description', 'Amount', 'Fee', 'Currency', 'State', 'Balance'];
const UNMOVED = ['PENDING', 'REVERTED', 'DECLINED', 'FAILED'];
const MOMENT = /^([0-9]{4})-([0-9]{2})-([0-9]{2}) ([0-9]{2}):([0-9]{2}):([0-9]{2})$/;
const BLANK = /[\r\n]*/y;
// A quoted field with the text behind its quotes, or one without, and what ends it. A quote that is never closed is none.
const FIELD = /(?:"([^"]*(?:""[^"]*)*)"(?!")([^,\r\n]*)|((?!")[^,\r\n]*))([,\r\n])/y;

const lossy = new TextDecoder('utf-8', { ignoreBOM: true });
const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

// A result's error is thrown.
const fail = (line, problem, message) => {
  throw { line, problem, message };
};

const withoutMark = (bytes) =>
  bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? bytes.subarray(3) : bytes;

function checkHeader(file) {
  const end = file.indexOf(10);
  const line = lossy.decode(end < 0 ? file : file.subarray(0, end)).replace(/[\t\n\f\r ]+$/, '');
  const columns = line.split(',');
  HEADER.forEach((name, at) => {
    if (columns[at] === name) return;
    if (at === 0) fail(1, 'format', 'this is not a Revolut statement');
    fail(1, 'column', `column ${at + 1} must be \`${name}\``);
  });
  if (columns.length > HEADER.length) tooMany(1);
}

const tooMany = (line) => fail(line, 'column', `more than ${HEADER.length} columns where ${HEADER.length} must be`);

// Bytes as text with a character for each: a regular expression finds what ends a field sooner than a loop does.
function characters(bytes) {
  const parts = [];
  for (let at = 0; at < bytes.length; at += 4096) parts.push(String.fromCharCode.apply(null, bytes.subarray(at, at + 4096)));
  return parts.join('');
}

const isAscii = (field) => !/[\x80-\xff]/.test(field);

const decoded = (field) => (isAscii(field) ? field : strict.decode(Uint8Array.from(field, (c) => c.charCodeAt(0))));

const lineBreaks = (text) => text.split('\n').length - 1;

// All records with the line that each starts on. Empty lines are passed over.
function records(bytes) {
  let file = characters(bytes);
  // With this line end, a record that does not end here has open quotes.
  if (!file.endsWith('\n')) file += '\n';
  const found = [];
  let [at, line] = [0, 1];
  for (;;) {
    BLANK.lastIndex = at;
    const [blank] = BLANK.exec(file);
    line += lineBreaks(blank);
    at += blank.length;
    if (at === file.length) return found;
    const [start, parts] = [at, []];
    for (;;) {
      FIELD.lastIndex = at;
      const field = FIELD.exec(file);
      if (field === null) fail(line, 'format', 'a quote is opened and never closed');
      const [, quoted, behind, plain, end] = field;
      parts.push(quoted === undefined ? plain : quoted.replaceAll('""', '"') + behind);
      at = FIELD.lastIndex;
      if (end !== ',') break;
      if (parts.length === HEADER.length) tooMany(line);
    }
    if (parts.length < HEADER.length) fail(line, 'column', `${parts.length} columns where ${HEADER.length} must be`);
    try {
      found.push({ line, fields: parts.map(decoded) });
    } catch {
      fail(line, 'encoding', 'this is not UTF-8');
    }
    line += lineBreaks(file.slice(start, at));
  }
}

function daysInMonth(year, month) {
  const isLeap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  if (month === 2) return isLeap ? 29 : 28;
  return [4, 6, 9, 11].includes(month) ? 30 : 31;
}

// The date as text and as numbers, and all of it as text that sorts by time.
function moment(text) {
  const parts = MOMENT.exec(text);
  if (parts === null) return null;
  const [year, month, day, hour, minute, second] = parts.slice(1).map(Number);
  const exists = month >= 1 && month <= 12 && day >= 1 && day <= daysInMonth(year, month);
  if (!exists || hour > 23 || minute > 59 || second > 59) return null;
  return { text, date: text.slice(0, 10), year, month, day };
}

function nextDay({ year, month, day }) {
  if (day < daysInMonth(year, month)) return date(year, month, day + 1);
  return month < 12 ? date(year, month + 1, 1) : date(year + 1, 1, 1);
}

const padded = (number, width) => String(number).padStart(width, '0');

const date = (year, month, day) => `${padded(year, 4)}-${padded(month, 2)}-${padded(day, 2)}`;

const oneLine = (text) => text.split(/[\t\n\f\r ]+/).filter((word) => word !== '').join(' ');

// No other letters are changed, so that no locale decides.
const lower = (text) => text.replace(/[A-Z]+/g, (upper) => upper.toLowerCase());

const isZero = (decimal) => !/[1-9]/.test(decimal);

const negated = (decimal) => (decimal.startsWith('-') ? decimal.slice(1) : `-${decimal}`);

// The row of a record, every field of it checked; none when its money did not move.
function parseRow({ line, fields }, own) {
  const [kind, product, , completed, description, amount, fee, currency, state, balance] = fields;
  if (UNMOVED.includes(state)) return null;
  if (state !== 'COMPLETED') fail(line, 'format', `the state \`${state}\` is not known`);
  const isProduct = /^[A-Z][A-Za-z0-9]*$/.test(product);
  if (!isProduct) fail(line, 'format', `the product \`${product}\` is not known`);
  const after = moment(completed);
  if (after === null) fail(line, 'date', `\`${completed}\` is not a date and time`);
  const money = (column, number) => {
    if (!/^[A-Z0-9]{3,5}$/.test(currency)) fail(line, 'amount', `\`${currency}\` is not a currency`);
    if (!/^-?[0-9]+(\.[0-9]+)?$/.test(number)) fail(line, 'amount', `${column}: \`${number}\` is not a number`);
    return { number, currency };
  };
  return {
    kind: lower(oneLine(kind).replaceAll('_', ' ')),
    account: product === 'Current' ? own : `${own}:${product}`,
    completed: after,
    description: oneLine(description),
    amount: money('Amount', amount),
    fee: money('Fee', fee),
    balance: money('Balance', balance),
  };
}

function transaction(row, accounts) {
  // A row that is a fee alone has an amount of zero, and no other side.
  const hasFee = !isZero(row.fee.number);
  const isFeeAlone = hasFee && isZero(row.amount.number);
  const postings = [];
  if (!isFeeAlone) postings.push({ account: row.account, amount: row.amount });
  if (hasFee) {
    // The fee comes off on top of the amount.
    postings.push({ account: row.account, amount: { ...row.fee, number: negated(row.fee.number) } });
    postings.push({ account: accounts.fees, amount: row.fee });
  }
  if (!isFeeAlone) postings.push({ account: accounts.counter, amount: undefined });
  return { date: row.completed.date, payee: row.description || undefined, narration: row.kind, postings };
}

function directives(file, accounts) {
  checkHeader(file);
  const found = [];
  // The latest balance of each account and currency. The file is sorted by when a row was started, so the row completed
  // last need not be the last one.
  const closings = new Map();
  for (const record of records(file).slice(1)) {
    const row = parseRow(record, accounts.own);
    if (row === null) continue;
    const key = `${row.account} ${row.balance.currency}`;
    const seen = closings.get(key);
    if (seen === undefined || seen.completed.text <= row.completed.text) closings.set(key, row);
    found.push({ tag: 'transaction', val: transaction(row, accounts) });
  }
  for (const { account, balance, completed } of closings.values()) {
    // A balance is that of the start of a day, so of the day after.
    found.push({ tag: 'balance', val: { date: nextDay(completed), account, amount: balance } });
  }
  return found;
}

// Run when the component is built: what the engine compiles at its first use is then in the component.
const warm = `${HEADER}\n"É",Current,,2024-02-29 10:00:00,,1.0,-1.0,EUR,COMPLETED,1\n`;
directives(new TextEncoder().encode(warm), { own: '', counter: '', fees: '' });

export const importer = {
  identify(name, head) {
    const isCsv = lower(name).endsWith('.csv');
    return isCsv && lossy.decode(withoutMark(head)).startsWith(HEADER.join(','));
  },

  parse(statement) {
    return directives(withoutMark(statement), {
      own: get('account') ?? 'Assets:Bank:Checking',
      counter: get('counter-account') ?? 'Expenses:Unknown',
      fees: get('fee-account') ?? 'Expenses:Bank:Fees',
    });
  },
};
