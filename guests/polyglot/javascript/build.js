// Makes a component of a module: node build.js SOURCE WIT WORLD OUTPUT [FEATURE…]
//
// In a file of its own, since the command of componentize-js takes relative paths for what they are not.

import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';

import { componentize } from '@bytecodealliance/componentize-js';

const [source, wit, worldName, output, ...disableFeatures] = process.argv.slice(2);
const { component } = await componentize({
  sourcePath: resolve(source),
  witPath: resolve(wit),
  worldName,
  // Without its features, each of which imports its part of WASI.
  disableFeatures,
});
await writeFile(resolve(output), component);
