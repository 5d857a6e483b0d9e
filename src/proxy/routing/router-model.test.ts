/** The router says what a walk over the list of matches says, made from nothing or by changes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { diffConfig, emptyConfigInPlace, patchConfig, patchInPlace } from '../../contract/config-diff.ts';
import { emptyConfig, type GatewayConfig, type PathMatch } from '../../contract/gateway-config.ts';
import { Field, FieldList } from '../http/fields.ts';
import type { MatchInput, Snapshot } from '../runtime.ts';
import { compareHostnames } from './hostname-table.ts';
import { configOf, requestOf, snapshotOf, type HostnameList } from './routing.test-support.ts';

const segments = fc.array(fc.constantFrom('a', 'b', 'ab'), { maxLength: 3 });
const pathOf = segments.map((list) => `/${list.join('/')}`);
const host = fc.constantFrom('a.com', 'x.a.com', 'y.x.a.com', 'b.com');
const hostname = fc.constantFrom('', 'a.com', '*.a.com', '*.x.a.com', '*.com', 'x.a.com');
const match = fc.record(
  {
    path: fc.oneof(
      fc.record({ type: fc.constantFrom('Exact' as const, 'PathPrefix' as const), value: pathOf }),
      fc.record({
        type: fc.constant('RegularExpression' as const),
        value: fc.constantFrom('/a.*', '/(a|b)', '/[ab]+/b'),
      }),
    ),
    method: fc.constantFrom('GET', 'POST'),
    headers: fc.constant([{ name: 'x', type: 'Exact' as const, value: '1' }]),
    query: fc.constant([{ name: 'q', type: 'Exact' as const, value: '1 2' }]),
    isGrpc: fc.constant(true as const),
  },
  { requiredKeys: ['path'] },
);
const table = fc.record({ hostname, own: hostname, matches: fc.array(match, { maxLength: 8 }) });
const tables = fc
  .uniqueArray(table, { maxLength: 6, selector: (one) => `${one.hostname} ${one.own}` })
  .map((list): readonly HostnameList[] =>
    list.map((one, i) => ({ ...one, matches: one.matches.map((each, j) => ({ ...each, rule: `${i}/${j}` })) })),
  );
const request = fc
  .record({
    host,
    path: fc.tuple(pathOf, fc.constantFrom('', '/')).map(([path, end]) => (path === '/' ? path : path + end)),
    method: fc.constantFrom('GET', 'POST'),
    query: fc.constantFrom('', 'q=1+2', 'q=1%202&q=3', 'q=3&q=1+2', '%71=1+2', 'qq=1+2'),
    headers: fc.constantFrom(undefined, '1', '2'),
    type: fc.constantFrom(
      undefined,
      'text/plain',
      'application/grpc',
      'Application/GRPC+proto',
      'application/grpc-web',
    ),
  })
  .map(({ headers, type, ...rest }) => {
    const fields = new FieldList([
      ...(headers === undefined ? [] : [new Field('x', headers)]),
      ...(type === undefined ? [] : [new Field('content-type', type)]),
    ]);
    return requestOf({ ...rest, headers: fields });
  });
const requests = fc.array(request, { minLength: 5, maxLength: 20 });

function naivePath({ type, value }: PathMatch, path: string): boolean {
  if (type === 'Exact') return path === value;
  if (type === 'RegularExpression') return new RegExp(`^(?:${value})$`).test(path);
  const wanted = value.split('/').filter((segment) => segment !== '');
  const given = path.split('/').slice(1);
  return wanted.every((segment, i) => given[i] === segment);
}

function naiveHost(wanted: string, given: string): boolean {
  if (wanted === '') return true;
  return wanted.startsWith('*.') ? given.endsWith(wanted.slice(1)) && given.length >= wanted.length : wanted === given;
}

function naive(hostnames: readonly HostnameList[], input: MatchInput): string | null {
  const ordered = hostnames.toSorted(
    (a, b) => compareHostnames(a.hostname, b.hostname) || compareHostnames(a.own, b.own),
  );
  for (const each of ordered) {
    if (!naiveHost(each.hostname, input.host)) continue;
    for (const one of each.matches) {
      const fits =
        naivePath(one.path, input.path) &&
        (one.method === undefined || one.method === input.method) &&
        (one.isGrpc === undefined || /^application\/grpc/i.test(input.headers.get('content-type') ?? '')) &&
        (one.headers === undefined || input.headers.get('x') === '1') &&
        (one.query === undefined || new URLSearchParams(input.query).get('q') === '1 2');
      if (fits) return one.rule;
    }
  }
  return null;
}

function agrees(snapshot: Snapshot, hostnames: readonly HostnameList[], inputs: readonly MatchInput[]): void {
  const router = snapshot.listeners.get('l0')!;
  for (const input of inputs) assert.equal(router.match(input)?.rule.key ?? null, naive(hostnames, input));
}

test('the router agrees with a walk over the list', () => {
  fc.assert(
    fc.property(tables, requests, (hostnames, inputs) => agrees(snapshotOf(configOf(hostnames)), hostnames, inputs)),
    { numRuns: 500 },
  );
});

/** Some of the matches of each hostname go, and others come before them. */
const edit = fc.record({ other: tables, kept: fc.array(fc.boolean(), { minLength: 48, maxLength: 48 }) });
type Edit = typeof edit extends fc.Arbitrary<infer T> ? T : never;

function edited(from: readonly HostnameList[], { other, kept }: Edit): readonly HostnameList[] {
  const byName = Map.groupBy([...other, ...from], (one) => `${one.hostname} ${one.own}`);
  let at = 0;
  return [...byName.values()].map(([first, ...more], i) => {
    const all = [first!, ...more].flatMap(({ matches }) => matches).filter(() => kept[at++ % kept.length]);
    return { ...first!, matches: all.map((one, j) => ({ ...one, rule: `${i}/${j}` })) };
  });
}

/** One rule of each hostname says something else in each version. */
function versionOf(hostnames: readonly HostnameList[], version: number): GatewayConfig {
  const config = configOf(hostnames);
  const rules = Object.entries(config.rules).map(
    ([key, rule]) => [key, key.endsWith('/0') ? { ...rule, requestTimeoutMs: version } : rule] as const,
  );
  return { ...config, rules: Object.fromEntries(rules) };
}

test('after any changes it agrees too, and what was before says what it said', () => {
  fc.assert(
    fc.property(tables, fc.array(edit, { minLength: 1, maxLength: 5 }), requests, (first, edits, inputs) => {
      const versions = [first];
      for (const one of edits) versions.push(edited(versions.at(-1)!, one));
      const inPlace = emptyConfigInPlace();
      const matchesOf = (snapshot: Snapshot) =>
        inputs.map((input) => snapshot.listeners.get('l0')!.match(input)?.rule ?? null);
      let config = emptyConfig;
      let before: { readonly snapshot: Snapshot; readonly matches: ReturnType<typeof matchesOf> } | null = null;
      for (const [version, hostnames] of versions.entries()) {
        const patch = diffConfig(config, versionOf(hostnames, version)) ?? {};
        config = patchConfig(config, patch);
        patchInPlace(inPlace, patch);
        const snapshot = snapshotOf(inPlace, before?.snapshot, { patch });
        agrees(snapshot, hostnames, inputs);
        const matches = matchesOf(snapshot);
        for (const rule of matches) assert.equal(rule?.config, rule ? config.rules[rule.key] : undefined);
        if (before) assert.deepEqual(matchesOf(before.snapshot), before.matches);
        before = { snapshot, matches };
      }
    }),
    { numRuns: 300 },
  );
});

test('of two expressions with the same order the one whose text comes first is tried first', () => {
  const config = configOf([
    {
      hostname: '',
      own: '',
      matches: ['/b.', '/.b'].map((value) => ({ rule: value, path: { type: 'RegularExpression', value } })),
    },
  ]);
  const paths = Object.entries(config.paths).map(
    ([key, entry]) => [key, { ...entry, matches: entry.matches.map((one) => ({ ...one, order: 0 })) }] as const,
  );
  for (const list of [paths, paths.toReversed()]) {
    const router = snapshotOf({ ...config, paths: Object.fromEntries(list) }).listeners.get('l0')!;
    assert.equal(router.match(requestOf({ path: '/bb' }))?.rule.key, '/.b');
  }
});
