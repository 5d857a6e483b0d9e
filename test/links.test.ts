/** What the pages (.md) point at is there: files, headings, folders, records of decisions. Knows nothing of what they say. */
import assert from 'node:assert/strict';
import { globSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';

const root = dirname(import.meta.dirname);
const pages = globSync('**/*.md', { cwd: root, exclude: ['**/node_modules', '**/.cache'] });
const sources = globSync('{src,test,examples}/**/*.ts', { cwd: root, exclude: ['**/node_modules'] });
const records = globSync('docs/decisions/*.md', { cwd: root }).toSorted();

const textOf = (path: string) => readFileSync(join(root, path), 'utf8');
const withoutCode = (text: string) => text.replaceAll(/^ *```.*?^ *```/gms, '').replaceAll(/`[^`\n]*`/g, '');
const isThere = (path: string) => statSync(join(root, path), { throwIfNoEntry: false }) !== undefined;

/** As GitHub names headings in addresses. */
function anchorsOf(path: string): string[] {
  const headings = [...textOf(path).matchAll(/^#+ (.+)$/gm)].map(([, heading]) => heading!.trim().toLowerCase());
  return headings.map((heading) => heading.replaceAll(/[^\p{L}\p{N} _-]/gu, '').replaceAll(' ', '-'));
}

/** Null where the link of a page leads somewhere; other hosts are not asked. */
function deadLink(page: string, target: string): string | null {
  if (/^[a-z]+:/.test(target)) return null;
  const [file, anchor] = target.split('#') as [string, string?];
  const path = file === '' ? page : join(dirname(page), file);
  if (!isThere(path)) return `${page}: ${target} is not there`;
  return anchor === undefined || anchorsOf(path).includes(anchor) ? null : `${page}: ${target} has no such heading`;
}

/** What a page names between back ticks: from the top of the checkout, a record by its number, or a source by the end of its path. */
function isKnown(path: string): boolean {
  if (isThere(path) || path.includes('.cache/') || records.some((record) => record.startsWith(`${path}-`))) return true;
  return path.endsWith('.ts') && sources.some((source) => source.endsWith(`/${path}`));
}

test('every link of every page leads to a file or a heading', () => {
  const found = pages.flatMap((page) =>
    [...withoutCode(textOf(page)).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => deadLink(page, target!)),
  );
  assert.ok(found.length > 50, 'links are found');
  assert.deepEqual(found.filter(Boolean), []);
});

test('a dead link is found', () => {
  assert.equal(deadLink('docs/deploy.md', 'no-such.md'), 'docs/deploy.md: no-such.md is not there');
  assert.match(String(deadLink('README.md', 'docs/metrics.md#no-such')), /no such heading/);
  assert.equal(deadLink('examples/udp-dns/README.md', '../../docs/metrics.md#udp-sessions'), null);
});

test('files that pages name are there', () => {
  const pattern = /`((?:(?:src|docs|test|examples|deploy|bench|conformance|bin)\/[\w./-]+)|[\w./-]+\.ts)`/g;
  const named = pages.flatMap((page) => [...textOf(page).matchAll(pattern)].map(([, path]) => ({ page, path: path! })));
  assert.ok(named.length > 100, 'names are found');
  assert.deepEqual(
    named.filter(({ page, path }) => !isKnown(path) && !isThere(join(dirname(page), path))),
    [],
  );
});

test('ARCHITECTURE.md names every folder', () => {
  const page = textOf('ARCHITECTURE.md');
  const folders = (path: string) =>
    readdirSync(join(root, path), { withFileTypes: true })
      .filter(
        (entry) => entry.isDirectory() && !entry.name.startsWith('.') && !['node_modules', 'dist'].includes(entry.name),
      )
      .map(({ name }) => name);
  const all = [
    ...folders('.').map((name) => `\`${name}\``),
    ...folders('src').map((name) => `\`src/${name}\``),
    ...folders('src/proxy').map((name) => `\`${name}/\``),
  ];
  assert.deepEqual(
    all.filter((name) => !page.includes(name)),
    [],
  );
});

test('decisions are numbered one by one, and called by their numbers', () => {
  const numbers = records.map((record) => Number(/(\d{4})-/.exec(record)![1]));
  assert.deepEqual(
    numbers,
    Array.from(numbers, (_, i) => i + 1),
  );
  assert.deepEqual(
    records.map((record) => Number(/^# (\d+)\. /.exec(textOf(record))?.[1])),
    numbers,
  );
  const links = pages.flatMap((page) => [...textOf(page).matchAll(/\[decision (\d+)\]\([^)]*?(\d{4})-/g)]);
  assert.ok(links.length > 5, 'links are found');
  assert.deepEqual(
    links.filter(([, said, led]) => Number(said) !== Number(led)).map(([text]) => text),
    [],
  );
});
