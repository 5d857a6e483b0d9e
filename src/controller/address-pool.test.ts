import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AddressPool } from './address-pool.ts';
import { parseAddressRange } from './address-range.ts';

function pool(range: string, previous: Readonly<Record<string, string[]>> = {}): AddressPool {
  return new AddressPool({ range: parseAddressRange(range)!, previous: (key) => previous[key] ?? [] });
}
const claim = (name: string, ...wanted: string[]) => ({ key: `Gateway/n/${name}`, wanted });
const of = (assigned: ReturnType<AddressPool['assign']>) =>
  Object.fromEntries(
    [...assigned].map(([key, { addresses, problem }]) => [key.at(-1), problem?.reason ?? addresses.join()]),
  );

test('ranges are CIDRs without their edges, or from and to', () => {
  assert.deepEqual(parseAddressRange('127.0.1.7/24'), { first: 0x7f000101, last: 0x7f0001fe });
  assert.deepEqual(parseAddressRange('10.0.0.1-10.0.0.3'), { first: 0x0a000001, last: 0x0a000003 });
  for (const text of ['10.0.0.0/33', '::1/64', '10.0.0.3-10.0.0.1', '10.0.0', ''])
    assert.equal(parseAddressRange(text), null);
});

test('each Gateway has an address of its own and keeps it, whoever comes and goes', () => {
  const addresses = pool('127.1.0.1-127.1.0.9');
  const first = addresses.assign([claim('a'), claim('b')]);
  assert.deepEqual(of(first), { a: '127.1.0.1', b: '127.1.0.2' });
  assert.equal(addresses.assign([claim('b'), claim('a')]), first, 'the same object');
  assert.deepEqual(of(addresses.assign([claim('b'), claim('c')])), { b: '127.1.0.2', c: '127.1.0.3' });
});

test('an address is not given again before the proxies have left it; who waits gets it then', () => {
  const addresses = pool('127.1.0.1-127.1.0.1');
  addresses.assign([claim('a')]);
  assert.deepEqual(of(addresses.assign([claim('b')])), { b: 'AddressNotAssigned' });
  assert.equal(addresses.acknowledged(6), false, 'a version from before');
  addresses.published(7);
  assert.equal(addresses.acknowledged(6), false);
  assert.equal(addresses.acknowledged(7), true);
  assert.deepEqual(of(addresses.assign([claim('b')])), { b: '127.1.0.1' });
});

test('named addresses go before any, and one that another Gateway has is not usable', () => {
  const addresses = pool('127.1.0.1-127.1.0.2');
  const assigned = addresses.assign([
    claim('a'),
    claim('b', '127.1.0.1'),
    claim('c', '192.0.2.7', ''),
    claim('d', '127.1.0.1'),
  ]);
  assert.deepEqual(of(assigned), {
    a: 'AddressNotAssigned',
    b: '127.1.0.1',
    c: '192.0.2.7,127.1.0.2',
    d: 'AddressNotUsable',
  });
  assert.match(assigned.get('Gateway/n/d')!.problem!.message, /Gateway n\/b has/);
});

test('a Gateway whose wishes change keeps what it may keep', () => {
  const addresses = pool('127.1.0.1-127.1.0.9');
  addresses.assign([claim('a'), claim('b')]);
  assert.deepEqual(of(addresses.assign([claim('a', ''), claim('b')])), { a: '127.1.0.1', b: '127.1.0.2' });
  addresses.assign([claim('b')]);
  assert.deepEqual(of(addresses.assign([claim('b'), claim('c', '127.1.0.1')])), {
    b: '127.1.0.2',
    c: 'AddressNotUsable',
  });
});

test('after a restart a Gateway gets what its status says', () => {
  const addresses = pool('127.1.0.1-127.1.0.9', { 'Gateway/n/b': ['127.1.0.1'] });
  assert.deepEqual(of(addresses.assign([claim('b'), claim('a')])), { b: '127.1.0.1', a: '127.1.0.2' });
});

test('who does not decide takes what another replica gave, waits for it, and goes on from there when it decides', () => {
  const given: Record<string, string[]> = { 'Gateway/n/a': ['127.1.0.5'] };
  let decides = false;
  const addresses = new AddressPool({
    range: parseAddressRange('127.1.0.1-127.1.0.9')!,
    previous: (key) => given[key] ?? [],
    decides: () => decides,
  });
  const claims = [claim('a'), claim('b')];
  assert.deepEqual(of(addresses.assign(claims)), { a: '127.1.0.5', b: 'AddressNotAssigned' });
  given['Gateway/n/b'] = ['127.1.0.6'];
  assert.deepEqual(of(addresses.assign(claims)), { a: '127.1.0.5', b: '127.1.0.6' });
  given['Gateway/n/a'] = ['127.1.0.7'];
  assert.deepEqual(of(addresses.assign(claims)), { a: '127.1.0.7', b: '127.1.0.6' });
  decides = true;
  given['Gateway/n/a'] = ['127.1.0.8'];
  assert.deepEqual(of(addresses.assign([...claims, claim('c')])), { a: '127.1.0.7', b: '127.1.0.6', c: '127.1.0.1' });
});
