// Counts the lines, words and bytes of a text.

import { write } from 'tollgate:provider/log@0.2.0';

export function run(input: Uint8Array): Uint8Array {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(input);
  } catch {
    // A result's error is thrown.
    throw { tag: 'invalid-input', val: 'the input is not UTF-8' };
  }
  write('info', `${input.length} bytes of input`);
  const lines = text === '' ? 0 : text.replace(/\n$/, '').split('\n').length;
  const words = text.split(/\s+/).filter((word) => word !== '').length;
  return new TextEncoder().encode(`lines: ${lines}, words: ${words}, bytes: ${input.length}\n`);
}
