/** A folder of manifests that is watched for a test, and all that was told of it. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { Resource, ResourceSet } from '../model/resources.ts';
import { createFileSource, type FileSourceOptions } from './files.ts';
import type { SourceProblem } from './source.ts';

export interface Told {
  readonly resources: ResourceSet;
  readonly problems: readonly SourceProblem[];
}

interface Watched {
  readonly folder: string;
  readonly told: Told[];
  last(): Told;
  write(name: string, text: string): void;
  /** The state that satisfies, at the latest after two seconds. */
  until(isRight: (told: Told) => boolean): Promise<Told>;
}

interface HTTPRouteLike extends Resource {
  readonly spec: { readonly hostnames?: readonly string[] };
}

export function route(name: string, hostname = 'a.example'): string {
  return `apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  name: ${name}
spec:
  hostnames: [${hostname}]
`;
}

export const hostOf = ({ resources }: Told, name: string): string | undefined =>
  resources.of<HTTPRouteLike>('HTTPRoute').get(`default/${name}`)?.spec.hostnames?.[0];

export function watchFolder(
  t: TestContext,
  files: Readonly<Record<string, string>>,
  given: readonly string[] = ['.'],
  options: Omit<FileSourceOptions, 'paths'> = {},
): Watched {
  const folder = mkdtempSync(join(tmpdir(), 'headgate-files-'));
  const write = (name: string, text: string): void => writeFileSync(join(folder, name), text);
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(folder, name, '..'), { recursive: true });
    write(name, text);
  }
  const told: Told[] = [];
  const waiting = new Set<() => void>();
  const abort = new AbortController();
  createFileSource({ ...options, paths: given.map((path) => `${folder}/${path}`) }).start((resources, problems) => {
    told.push({ resources, problems });
    for (const look of waiting) look();
  }, abort.signal);
  t.after(() => {
    abort.abort();
    rmSync(folder, { recursive: true, force: true });
  });
  const last = (): Told => told.at(-1)!;
  const until = (isRight: (state: Told) => boolean): Promise<Told> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        if (!isRight(last())) return;
        waiting.delete(look);
        clearTimeout(limit);
        resolve(last());
      };
      const limit = setTimeout(() => reject(new Error(`never came: ${JSON.stringify(last().problems)}`)), 60_000);
      waiting.add(look);
      look();
    });
  return { folder, told, last, write, until };
}
