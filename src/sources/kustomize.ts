/** Folders with a kustomization: what `kustomize build` or `kubectl kustomize` makes of them. Knows no manifests. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { parseManifests } from '../model/yaml.ts';

const kustomizationNames = ['kustomization.yaml', 'kustomization.yml', 'Kustomization'] as const;

/** The kustomization's file in the folder; undefined where it is an ordinary folder. */
export function kustomizationIn(folder: string): string | undefined {
  return kustomizationNames.map((name) => join(folder, name)).find((file) => existsSync(file));
}

export function isKustomizationFile(file: string): boolean {
  return kustomizationNames.some((name) => name === basename(file));
}

/** The manifests, or what went wrong. */
export interface Build {
  readonly text: string;
  readonly problem?: string;
}

const buildTimeoutMs = 30_000;

const commands = [
  ['kustomize', 'build'],
  ['kubectl', 'kustomize'],
] as const;

export function buildKustomization(folder: string): Build {
  for (const [command, subcommand] of commands) {
    const { error, status, stdout, stderr } = spawnSync(command, [subcommand, folder], {
      encoding: 'utf8',
      timeout: buildTimeoutMs,
      maxBuffer: 256 * 1024 * 1024,
    });
    if (error && 'code' in error && error.code === 'ENOENT') continue;
    if (status === 0) return { text: stdout };
    const problem = `${command} ${subcommand} failed: ${withoutLogPrefix(error?.message ?? stderr)}`;
    return { text: problem, problem };
  }
  return { text: '', problem: noCommand };
}

/** kubectl logs its error with a time, which would make the same problem look new each time. */
function withoutLogPrefix(text: string): string {
  return text.replace(/^[EWI]\d{4} [\d:.]+ +\d+ [\w.]+:\d+\] /gm, '').trim();
}

const noCommand =
  'is a kustomization: install kustomize or kubectl so that it can be read, or give the folder it is built into';

/** Every folder a kustomization reads from, itself included: bases, components, and where its files lie. */
export function foldersOf(folder: string, seen: Set<string> = new Set()): Set<string> {
  const absolute = resolve(folder);
  if (seen.has(absolute) || !existsSync(absolute)) return seen;
  seen.add(absolute);
  const file = kustomizationIn(absolute);
  if (file === undefined) return seen;
  for (const text of textsIn(parseManifests(readFileSync(file, 'utf8')))) {
    const path = resolve(absolute, text);
    // Anything that names a file or a folder here is one that is read.
    if (!existsSync(path) || path === absolute) continue;
    if (kustomizationIn(path) === undefined) seen.add(dirname(path));
    else foldersOf(path, seen);
  }
  return seen;
}

function* textsIn(value: unknown): Generator<string> {
  if (typeof value === 'string') {
    // `name=file`, as generators write it.
    if (!value.includes('\n')) yield value.slice(value.indexOf('=') + 1);
  } else if (typeof value === 'object' && value !== null) {
    for (const inner of Object.values(value)) yield* textsIn(inner);
  }
}
