import assert from 'node:assert/strict';
import { test } from 'node:test';
import { backendKey } from '../compiler/backend-uses.ts';
import { createEndpointNotes } from './endpoint-notes.ts';

const sleeping = { address: '10.0.0.1', port: 80, ready: false, serving: false, terminating: false };
const endpoints = new Map([
  [backendKey('shop/none', 80, 'HTTP'), []],
  [backendKey('shop/asleep', 81, 'TCP'), [sleeping]],
  [backendKey('shop/well', 80, 'HTTP'), [{ ...sleeping, ready: true }]],
]);

test('each backend without a ready endpoint is named, with what there is to do in files', () => {
  const messages = createEndpointNotes('Files')(endpoints).map(({ object, message }) => `${object}: ${message}`);
  assert.equal(messages.length, 2);
  assert.match(
    messages[0]!,
    /^Service\/shop\/none: .*503.*Add an EndpointSlice.*--backend shop\/none:80=localhost:3000$/,
  );
  assert.match(messages[1]!, /^Service\/shop\/asleep: .*closed\. Correct the EndpointSlice.*--backend/);
});

test('in a cluster nobody writes EndpointSlices by hand, and there is no --backend', () => {
  const messages = createEndpointNotes('Cluster')(endpoints).map(({ message }) => message);
  assert.match(messages[0]!, /selector/);
  assert.match(messages[1]!, /See why its pods are not ready$/);
  assert.ok(messages.every((message) => !/--backend|EndpointSlice/.test(message)));
});
