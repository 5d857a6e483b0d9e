import assert from 'node:assert/strict';
import { test } from 'node:test';
import { certificateTable } from './certificate-table.ts';

const of = (context: string, ...names: string[]) => ({ names, context });

test('the most specific listener, then its most specific certificate', () => {
  const table = certificateTable([
    { hostname: '', certificates: [of('any', 'any.test')] },
    {
      hostname: '*.example.com',
      certificates: [of('first', 'x.test'), of('wild', '*.example.com'), of('b', 'b.example.com')],
    },
    { hostname: '*.a.example.com', certificates: [of('deep', '*.a.example.com')] },
    { hostname: 'www.example.com', certificates: [of('exact', 'www.example.com')] },
  ]);
  const cases: [string, string][] = [
    ['www.example.com', 'exact'],
    ['WWW.Example.COM.', 'exact'],
    ['b.example.com', 'b'],
    ['c.example.com', 'wild'],
    ['x.a.example.com', 'deep'],
    // A listener's wildcard takes several labels, a certificate's only one: the listener's first certificate serves.
    ['x.y.example.com', 'first'],
    ['example.com', 'any'],
    ['other.test', 'any'],
    ['localhost', 'any'],
  ];
  for (const [name, context] of cases) assert.equal(table.select(name), context, name);
  assert.equal(table.fallback, 'any');
  assert.deepEqual([...table.contexts].toSorted(), ['any', 'b', 'deep', 'exact', 'first', 'wild']);
});

test('a name that no listener has gets nothing; a client without a name gets the first listener', () => {
  const table = certificateTable([
    { hostname: 'b.test', certificates: [of('b', 'b.test')] },
    { hostname: 'a.test', certificates: [of('a', 'a.test')] },
  ]);
  assert.equal(table.select('c.test'), null);
  assert.equal(table.fallback, 'b');
});

test('listeners without a usable certificate are not there', () => {
  assert.equal(certificateTable([{ hostname: '', certificates: [] }]).fallback, null);
  const table = certificateTable([
    { hostname: '', certificates: [of('any', 'any.test')] },
    { hostname: 'a.test', certificates: [] },
  ]);
  assert.equal(table.select('b.test'), 'any');
});

test('names that mean something to objects are only names', () => {
  const table = certificateTable([{ hostname: 'a.test', certificates: [of('a', 'a.test')] }]);
  for (const name of ['__proto__', 'constructor', '*', '*.', '.', '..', ''])
    assert.equal(table.select(name), null, name);
});
