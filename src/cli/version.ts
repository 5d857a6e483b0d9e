/** The version of this package, as its package.json has it. */
import { readFileSync } from 'node:fs';

// The same two steps up from src/cli and from dist/cli.
const manifest = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');

export const version = (JSON.parse(manifest) as { version: string }).version;
