// Makes a component of a module: node build.js SOURCE WIT WORLD OUTPUT
//
// In a file of its own, since the command of componentize-js takes relative paths for what they are not.

import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';

import { componentize } from '@bytecodealliance/componentize-js';

const [source, wit, worldName, output] = process.argv.slice(2);
const { component } = await componentize({
  sourcePath: resolve(source),
  witPath: resolve(wit),
  worldName,
  // A provider has no use for them; what stays does not import WASI.
  disableFeatures: ['stdio', 'random', 'clocks', 'http', 'fetch-event'],
});
await writeFile(resolve(output), component);
