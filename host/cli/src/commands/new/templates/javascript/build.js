// Makes the component {{component}} of {{source}}.

import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';

import { componentize } from '@bytecodealliance/componentize-js';

const { component } = await componentize({
  sourcePath: resolve('{{source}}'),
  witPath: resolve('wit'),
  worldName: 'provider',
  // Each of these features imports its part of WASI, which then needs a grant. Take out the one that the code uses: `stdio`
  // for console.log, `clocks` for Date, `random` for Math.random, `http` for fetch.
  disableFeatures: ['stdio', 'random', 'clocks', 'http', 'fetch-event'],
});
await writeFile('{{component}}', component);
