// A package manifest (JSON) in, the same manifest validated and normalised out.
//
// Built by `just guests-polyglot` with componentize-js, which makes a component of this file and of the
// SpiderMonkey engine. The setting `license` is the licence of manifests that name none.

import { get } from 'tollgate:provider/config@0.1.0';
import { write } from 'tollgate:provider/log@0.1.0';

const NAME = /^(@[a-z0-9][a-z0-9._-]*\/)?[a-z0-9][a-z0-9._-]*$/;
const VERSION = /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$/;
const TABLES = ['dependencies', 'devDependencies', 'scripts'];
const FIRST = ['name', 'version', 'description', 'license', 'keywords', 'author', 'repository'];

// A `result<_, error>` export throws its error case.
const refuse = (tag, val) => {
  throw { tag, val };
};

const isTable = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);

const byName = ([a], [b]) => (a < b ? -1 : a > b ? 1 : 0);

// Keys by code unit, so that no locale decides. `fromEntries` defines, so `__proto__` is a key like others.
const sorted = (table) => Object.fromEntries(Object.entries(table).sort(byName));

// Names of people come as `Ada <ada@example.com> (https://example.com)` or as a table.
function person(value) {
  if (isTable(value)) return value;
  const parts = /^([^<(]*)(?:<([^>]*)>)?\s*(?:\(([^)]*)\))?$/.exec(value);
  if (parts === null) refuse('invalid-input', `author: ${JSON.stringify(value)} is not a person`);
  const [, name, email, url] = parts;
  return { name: name.trim(), ...(email && { email }), ...(url && { url }) };
}

function checked(manifest) {
  if (!isTable(manifest)) refuse('invalid-input', 'the manifest is not an object');
  const wrong = [];
  const expect = (fits, message) => fits || wrong.push(message);
  const { name, version, keywords, author, license } = manifest;
  expect(typeof name === 'string' && NAME.test(name), 'name: not a package name');
  expect(typeof version === 'string' && VERSION.test(version), 'version: not a semantic version');
  expect(
    keywords === undefined || (Array.isArray(keywords) && keywords.every((word) => typeof word === 'string')),
    'keywords: not a list of strings',
  );
  expect(author === undefined || typeof author === 'string' || isTable(author), 'author: not a person');
  expect(license === undefined || typeof license === 'string', 'license: not a string');
  for (const table of TABLES) {
    const value = manifest[table];
    expect(
      value === undefined || (isTable(value) && Object.values(value).every((entry) => typeof entry === 'string')),
      `${table}: not a table of strings`,
    );
  }
  // All that is wrong at once: nobody likes to fix a file one error at a time.
  if (wrong.length > 0) refuse('invalid-input', wrong.join('; '));
  return manifest;
}

function normalised(manifest) {
  const result = { ...manifest };
  result.license ??= get('license');
  if (result.license === undefined) delete result.license;
  if (result.keywords) result.keywords = [...new Set(result.keywords.map((word) => word.toLowerCase()))].sort();
  if (result.author) result.author = person(result.author);
  if (typeof result.repository === 'string') result.repository = { type: 'git', url: result.repository };
  for (const table of TABLES) {
    if (result[table]) result[table] = sorted(result[table]);
  }
  const first = FIRST.filter((key) => key in result).map((key) => [key, result[key]]);
  const rest = Object.entries(result).filter(([key]) => !FIRST.includes(key));
  return Object.fromEntries([...first, ...rest.sort(byName)]);
}

function parsed(input) {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(input));
  } catch (error) {
    return refuse('invalid-input', `not JSON: ${error.message}`);
  }
}

export function run(input) {
  const manifest = normalised(checked(parsed(input)));
  write('info', `${manifest.name} ${manifest.version}`);
  return new TextEncoder().encode(`${JSON.stringify(manifest, null, 2)}\n`);
}
