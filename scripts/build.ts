/** `npm run build`: makes dist/, the JavaScript that an npm package or an image ships. */
import { spawnSync } from 'node:child_process';
import { cpSync, globSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';

const root = dirname(import.meta.dirname);
const dist = join(root, 'dist');

rmSync(dist, { recursive: true, force: true });
const { status } = spawnSync(join(root, 'node_modules/.bin/tsc'), ['-p', 'tsconfig.build.json'], {
  cwd: root,
  stdio: 'inherit',
});
if (status !== 0) process.exit(status ?? 1);
// Generated data that the sources import as it is.
for (const file of globSync('src/**/*.json', { cwd: root }))
  cpSync(join(root, file), join(dist, file.slice('src/'.length)));

const version = spawnSync(process.execPath, [join(dist, 'main.js'), 'version'], { encoding: 'utf8' });
if (version.status !== 0) {
  console.error(version.stderr);
  process.exit(1);
}
console.log(`dist/ runs: ${version.stdout.trim()}`);
