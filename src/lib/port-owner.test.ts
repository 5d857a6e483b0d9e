import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { test } from 'node:test';
import { isHeldByOthers, isUdpHeldByOthers, ownerOfPort } from './port-owner.ts';

test('names the process that holds a port, and nobody for a free one', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const owner = ownerOfPort(port);
  server.close();
  await once(server, 'close');
  // Only Linux has a proc file system to ask.
  if (process.platform === 'linux') assert.match(String(owner), new RegExp(`\\(pid ${process.pid}\\)$`));
  assert.equal(ownerOfPort(port), null);
});

test('without a proc file system nobody is named', () => {
  assert.equal(ownerOfPort(80, '/nonexistent'), null);
});

const listening = `
const server = require('node:net').createServer().listen({ port: 0, host: process.argv[1], reusePort: true, ipv6Only: true });
server.on('listening', () => console.log(server.address().port));
process.stdin.resume().on('end', () => process.exit());`;

/** Asks of each address whether it is held by others while another process listens on `held`. */
async function heldOf(held: string, ...addresses: readonly string[]): Promise<boolean[]> {
  const child = spawn(process.execPath, ['-e', listening, held]);
  const [port] = (await once(child.stdout, 'data')) as [Buffer];
  const answers = addresses.map((address) => isHeldByOthers(address, Number(port)));
  child.stdin.end();
  await once(child, 'exit');
  return answers;
}

test('a port that another process would share is held by others, one of our own is not', async () => {
  const isLinux = process.platform === 'linux';
  assert.deepEqual(await heldOf('127.0.0.1', '127.0.0.1', '127.0.0.2', '0.0.0.0'), [isLinux, false, isLinux]);
  assert.deepEqual(await heldOf('0.0.0.0', '127.0.0.1', '::1'), [isLinux, false]);
  assert.deepEqual(await heldOf('::1', '::1', '0:0:0:0:0:0:0:1', '::2', '::'), [isLinux, isLinux, false, isLinux]);
  const server = createServer().listen({ port: 0, host: '127.0.0.1', reusePort: isLinux });
  await once(server, 'listening');
  assert.equal(isHeldByOthers('127.0.0.1', (server.address() as AddressInfo).port), false);
  server.close();
});

test('a UDP port of another process is held by others, a connected socket holds none', async () => {
  const isLinux = process.platform === 'linux';
  const binding = `
    const socket = require('node:dgram').createSocket({ type: 'udp4', reusePort: true }).bind(0, '127.0.0.1');
    socket.on('listening', () => console.log(socket.address().port));
    process.stdin.resume().on('end', () => process.exit());
    process.stdin.once('data', () => socket.connect(9, '127.0.0.1', () => console.log('connected')));`;
  const child = spawn(process.execPath, ['-e', binding]);
  const [text] = (await once(child.stdout, 'data')) as [Buffer];
  const port = Number(text);
  assert.equal(isUdpHeldByOthers('127.0.0.1', port), isLinux);
  assert.equal(isUdpHeldByOthers('0.0.0.0', port), isLinux);
  assert.equal(isUdpHeldByOthers('127.0.0.2', port), false);
  child.stdin.write('connect');
  await once(child.stdout, 'data');
  assert.equal(isUdpHeldByOthers('127.0.0.1', port), false);
  child.stdin.end();
  await once(child, 'exit');
});
