import assert from 'node:assert/strict';
import { test } from 'node:test';
import { curlLines } from './curl-lines.ts';
import { cart, documents, gateway, route, viewOf } from './view.test-support.ts';

const backend = 'backendRefs: [{ name: cart, port: 80 }]';

function linesFor(spec: string, addresses = ['0.0.0.0', '::']): string[] {
  return curlLines(viewOf(documents(gateway, cart, route('r', spec))), addresses);
}

test('a name that is not below localhost is resolved by the command', () => {
  assert.deepEqual(linesFor(`hostnames: [cart.example.com], rules: [{ ${backend} }]`), [
    'curl --resolve cart.example.com:8080:127.0.0.1 http://cart.example.com:8080/',
  ]);
  assert.deepEqual(linesFor(`hostnames: ["*.example.com"], rules: [{ ${backend} }]`), [
    'curl --resolve www.example.com:8080:127.0.0.1 http://www.example.com:8080/',
  ]);
});

test('the address is one a client can reach', () => {
  assert.deepEqual(linesFor(`rules: [{ ${backend} }]`, ['::']), ["curl 'http://[::1]:8080/'"]);
  assert.deepEqual(linesFor(`hostnames: [a.localhost], rules: [{ ${backend} }]`, ['127.0.0.9']), [
    'curl --resolve a.localhost:8080:127.0.0.9 http://a.localhost:8080/',
  ]);
});

test('headers, methods and query parameters of the match are sent, quoted for the shell', () => {
  const match = `{ path: { type: Exact, value: /a }, method: POST, headers: [{ name: x-user, value: "it's $HOME" }], queryParams: [{ name: q, value: "a b" }] }`;
  assert.deepEqual(linesFor(`rules: [{ matches: [${match}], ${backend} }]`), [
    String.raw`curl -X POST -H 'x-user: it'\''s $HOME' 'http://127.0.0.1:8080/a?q=a%20b'`,
  ]);
});

test('the plainest request of a listener is suggested', () => {
  const rules = `rules: [{ matches: [{ headers: [{ name: x, value: y }] }], ${backend} }, { ${backend} }]`;
  assert.deepEqual(linesFor(rules), ['curl http://127.0.0.1:8080/']);
});

test('nothing is suggested that nobody would answer', () => {
  assert.deepEqual(linesFor('rules: [{ backendRefs: [{ name: gone, port: 80 }] }]'), []);
  assert.deepEqual(
    linesFor(`rules: [{ matches: [{ path: { type: RegularExpression, value: "/[a-z]+" } }], ${backend} }]`),
    [],
  );
  assert.deepEqual(
    curlLines({ ...viewOf(documents(gateway, cart, route('r', `rules: [{ ${backend} }]`))), endpoints: new Map() }, []),
    [],
  );
});
