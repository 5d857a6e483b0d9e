/** `ask.ts HOST…`: asks a Gateway everything that it serves, by each of its names, and says what came of it; status 1 if not all. */
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { call, get, getSecurely, openSession, sendBytes, sendDatagram } from './calls.ts';

const certificate = readFileSync('/certificate/tls.crt');

async function viaGrpc(host: string): Promise<string> {
  const session = openSession(host);
  try {
    return await call(session, 'hello');
  } finally {
    session.close();
  }
}

interface Check {
  readonly what: string;
  readonly expected: RegExp;
  ask(host: string): Promise<string>;
}

const checks: readonly Check[] = [
  { what: 'HTTP, HTTPRoute', expected: /^answer-\S+ GET \/smoke\n$/, ask: (host) => get(host, { agent: false }) },
  { what: 'HTTPS, HTTPRoute', expected: /^answer-\S+ GET \/smoke\n$/, ask: (host) => getSecurely(host, certificate) },
  { what: 'gRPC, GRPCRoute', expected: /^hello$/, ask: viaGrpc },
  { what: 'TCP, TCPRoute', expected: /^hello$/, ask: (host) => sendBytes(host, 'hello') },
  { what: 'UDP, UDPRoute', expected: /^hello$/, ask: (host) => sendDatagram(host, 'hello') },
];

/** A Service's address leads nowhere until every node has heard of it: again, for a while. Empty: as expected. */
async function outcome({ ask, expected }: Check, host: string): Promise<string> {
  const end = performance.now() + 10_000;
  for (;;) {
    const answer = await ask(host).catch((error: Error) => error);
    if (typeof answer === 'string' && expected.test(answer)) return '';
    if (performance.now() > end) return answer instanceof Error ? answer.message : `unexpected: ${answer}`;
    await delay(200);
  }
}

for (const host of process.argv.slice(2)) {
  for (const check of checks) {
    const problem = await outcome(check, host);
    console.log(
      `${problem === '' ? 'ok    ' : 'FAILED'} ${check.what}, ${host}${problem === '' ? '' : `: ${problem}`}`,
    );
    if (problem !== '') process.exitCode = 1;
  }
  const seen = new Set<string>();
  for (let i = 0; i < 20; i++) seen.add((await get(host, { agent: false }).catch(() => '?')).split(' ')[0]!);
  const isBoth = seen.size === 2 && !seen.has('?');
  console.log(`${isBoth ? 'ok    ' : 'FAILED'} both pods answer, ${host}${isBoth ? '' : `: ${[...seen].join(', ')}`}`);
  if (!isBoth) process.exitCode = 1;
}
