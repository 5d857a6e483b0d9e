/** Which version all proxies serve, and what keeps listeners from being served, as proxies come and go. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ListenerProblem } from '../contract/messages.ts';
import { Acknowledgements } from './acknowledgements.ts';

const taken: ListenerProblem = { listener: 'Listener/n/g/http', reason: 'AddressInUse', message: 'taken' };

test('the problems of a proxy that comes later are told, and told again when it has gone', () => {
  const told: unknown[] = [];
  const acknowledgements = new Acknowledgements<string>((version, problems) => told.push([version, problems]));
  acknowledgements.add('a');
  acknowledgements.acknowledge('a', 3, []);
  acknowledgements.acknowledge('a', 3, []);
  assert.deepEqual(told.splice(0), [[3, []]]);
  acknowledgements.add('b');
  acknowledgements.acknowledge('b', 2, [taken]);
  assert.deepEqual(told, []);
  acknowledgements.acknowledge('b', 3, [taken]);
  assert.deepEqual(told.splice(0), [[3, [taken]]]);
  acknowledgements.remove('b');
  assert.deepEqual(told.splice(0), [[3, []]]);
  acknowledgements.remove('a');
  assert.deepEqual(told, []);
});
