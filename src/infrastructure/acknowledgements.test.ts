/** Which version all proxies serve, and what keeps listeners from being served, as proxies come and go. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ListenerProblem } from '../contract/messages.ts';
import { Acknowledgements } from './acknowledgements.ts';

const taken: ListenerProblem = { listener: 'Listener/n/g/http', reason: 'AddressInUse', message: 'taken' };

function start() {
  const told: unknown[] = [];
  const acknowledgements = new Acknowledgements<string>({
    onAcknowledged: (version, problems) => told.push([version, problems]),
    onUnserved: () => told.push('unserved'),
  });
  return { acknowledgements, told };
}

test('the problems of a proxy that comes later are told, and told again when it has gone', () => {
  const { acknowledgements, told } = start();
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
  assert.deepEqual(told, ['unserved']);
});

test('the last one that has answered is missed, and who comes after it is told of although nothing is new', () => {
  const { acknowledgements, told } = start();
  acknowledgements.add('mute');
  acknowledgements.remove('mute');
  assert.deepEqual(told, [], 'it served nothing');
  acknowledgements.add('a');
  acknowledgements.add('mute');
  acknowledgements.acknowledge('a', 3, []);
  assert.equal(acknowledgements.isAnswered, true);
  acknowledgements.remove('a');
  assert.deepEqual(told.splice(0), ['unserved']);
  assert.equal(acknowledgements.isAnswered, false);
  acknowledgements.acknowledge('mute', 3, []);
  assert.deepEqual(told.splice(0), [[3, []]]);
  acknowledgements.remove('mute');
  acknowledgements.add('b');
  acknowledgements.acknowledge('b', 3, []);
  assert.deepEqual(told.splice(0), ['unserved', [3, []]]);
});

test('one that refuses has answered', () => {
  const { acknowledgements, told } = start();
  acknowledgements.add('a');
  acknowledgements.refuse('a');
  assert.equal(acknowledgements.isAnswered, true);
  acknowledgements.remove('a');
  assert.deepEqual(told, ['unserved']);
});

test('when one that refused has gone, what the others serve is told again', () => {
  const { acknowledgements, told } = start();
  acknowledgements.add('a');
  acknowledgements.acknowledge('a', 3, []);
  acknowledgements.add('b');
  acknowledgements.refuse('b');
  assert.deepEqual(told.splice(0), [[3, []]]);
  acknowledgements.remove('b');
  assert.deepEqual(told.splice(0), [[3, []]]);
});
