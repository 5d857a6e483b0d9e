/**
 * Whether memory stays flat: sends many requests through `bin/headgate run` and prints its resident memory as it goes.
 * `node bench/memory.ts [REQUESTS]`; status 1 where the last tenth holds more than the second tenth and a margin.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from '../test/headgate.ts';

const REQUESTS = Number(process.argv[2] ?? 1_000_000);
const CONNECTIONS = 32;
/** What the collector may leave lying about from one look to the next. */
const MARGIN_MIB = 16;
const START_MS = 10_000;

const request = Buffer.from('GET /a/path?with=query HTTP/1.1\r\nHost: memory.test\r\nX-Header: something\r\n\r\n');
const answer = Buffer.from(`HTTP/1.1 200 OK\r\nContent-Length: 256\r\n\r\n${'x'.repeat(256)}`);

/** Answers each request head with the same bytes. */
async function startBackend(): Promise<net.Server> {
  const server = net.createServer((socket) => {
    socket.setNoDelay();
    socket.on('data', (data) => {
      if (data.includes('\r\n\r\n')) socket.write(answer);
    });
    socket.on('error', () => socket.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

function documents(port: number, backendPort: number): string {
  return [
    `apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: memory, namespace: memory }
spec:
  gatewayClassName: headgate
  addresses: [{ type: IPAddress, value: 127.0.0.1 }]
  listeners: [{ name: http, protocol: HTTP, port: ${port} }]`,
    `apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: memory, namespace: memory }
spec:
  parentRefs: [{ name: memory }]
  rules: [{ backendRefs: [{ name: backend, port: 80 }] }]`,
    `apiVersion: v1
kind: Service
metadata: { name: backend, namespace: memory }
spec: { ports: [{ name: http, port: 80 }] }`,
    `apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: backend-1, namespace: memory, labels: { kubernetes.io/service-name: backend } }
addressType: IPv4
ports: [{ name: http, port: ${backendPort} }]
endpoints: [{ addresses: [127.0.0.1] }]`,
  ].join('\n---\n');
}

async function untilReady(adminPort: number): Promise<void> {
  const end = performance.now() + START_MS;
  while (!(await isReady(adminPort))) {
    if (performance.now() > end) throw new Error('headgate does not come up');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function isReady(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    http
      .get({ host: '127.0.0.1', port, path: '/readyz' }, (response) => resolve(response.resume().statusCode === 200))
      .on('error', () => resolve(false));
  });
}

/** What is still to be asked, and what was answered in full. */
interface Count {
  sent: number;
  answered: number;
  /** Connections that the proxy ended in good order, as it does after so many requests. */
  renewed: number;
}

/** Requests one after the other, on a new connection whenever the proxy has announced the end of one. */
async function ask(port: number, count: Count, onAnswer: () => void): Promise<void> {
  while (count.sent < REQUESTS) {
    await askOnOneConnection(port, count, onAnswer);
    if (count.sent < REQUESTS) count.renewed++;
  }
}

/** Rejects where the connection ends in the middle of an exchange. */
async function askOnOneConnection(port: number, count: Count, onAnswer: () => void): Promise<void> {
  const socket = net.connect(port, '127.0.0.1').setNoDelay();
  let text = '';
  let isWaiting = false;
  const send = (): void => {
    isWaiting = count.sent < REQUESTS;
    if (!isWaiting) return void socket.end();
    count.sent++;
    socket.write(request);
  };
  socket.setEncoding('latin1').on('data', (data: string) => {
    text += data;
    const head = text.indexOf('\r\n\r\n');
    if (head < 0 || text.length < head + 4 + 256) return;
    if (!text.startsWith('HTTP/1.1 200 ')) return void socket.destroy(new Error(`unexpected answer: ${text}`));
    const isLast = /\r\nconnection: close\r\n/i.test(text.slice(0, head + 2));
    text = '';
    isWaiting = false;
    count.answered++;
    onAnswer();
    if (isLast) socket.end();
    else send();
  });
  socket.on('connect', send);
  await once(socket, 'close');
  if (isWaiting) throw new Error(`a connection ended without an answer after ${count.answered} requests`);
}

function residentMib(headgate: ChildProcess): number {
  const status = readFileSync(`/proc/${headgate.pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024;
}

/** Resident memory before the first request and after each tenth of the answers. */
async function measure(headgate: ChildProcess, port: number): Promise<number[]> {
  const looks: number[] = [];
  const count: Count = { sent: 0, answered: 0, renewed: 0 };
  const tenth = Math.ceil(REQUESTS / 10);
  const look = (): void => {
    if (count.answered % tenth !== 0) return;
    const mib = residentMib(headgate);
    looks.push(mib);
    console.log(`${String(count.answered).padStart(9)} answers  ${mib.toFixed(0).padStart(5)} MiB`);
  };
  look();
  await Promise.all(Array.from({ length: CONNECTIONS }, () => ask(port, count, look)));
  if (count.answered !== REQUESTS) throw new Error(`${count.answered} answers to ${REQUESTS} requests`);
  console.log(`${count.renewed} connections renewed`);
  return looks;
}

async function main(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'headgate-memory-'));
  const backend = await startBackend();
  const [port, adminPort] = [await freePort(), await freePort()];
  writeFileSync(join(folder, 'all.yaml'), documents(port, (backend.address() as net.AddressInfo).port));
  const launcher = fileURLToPath(new URL('../bin/headgate', import.meta.url));
  const args = ['run', folder, '--workers', '1', '--admin', `127.0.0.1:${adminPort}`];
  const headgate = spawn(launcher, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  try {
    await untilReady(adminPort);
    const looks = await measure(headgate, port);
    const grown = looks.at(-1)! - looks[2]!;
    console.log(`grown by ${grown.toFixed(1)} MiB since the second tenth`);
    if (grown > MARGIN_MIB) process.exitCode = 1;
  } finally {
    headgate.kill('SIGTERM');
    await once(headgate, 'exit');
    backend.close();
    rmSync(folder, { recursive: true });
  }
}

await main();
