/**
 * Builds h2spec from the Go module proxy (pinned by go.mod and go.sum beside this file), runs all of it against the whole proxy,
 * in the clear and over TLS, and exits with 1 unless every case passes. With `HOST PORT [tls]`: against that server.
 */
import { execFile, execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { startEcho } from '../../examples/echo.ts';
import { freePort, startHeadgate } from '../headgate.ts';
import { gateway, gatewayClass, httpListener, httpRoute, manifests, service, tlsSecret } from '../manifests.ts';

const cases = 146;

/** Go's own cache makes a second build a matter of a moment, and a changed go.mod is never missed. */
function build(): string {
  const folder = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'headgate', 'h2spec');
  mkdirSync(folder, { recursive: true });
  const binary = join(folder, 'h2spec');
  const source = 'github.com/summerwind/h2spec/cmd/h2spec';
  execFileSync('go', ['build', '-C', import.meta.dirname, '-o', binary, source], { stdio: 'inherit' });
  return binary;
}

interface Target {
  readonly host: string;
  readonly port: number;
  readonly mode: 'clear' | 'tls';
}

/** Prints the counts, and what failed. */
async function passes(binary: string, { host, port, mode }: Target): Promise<boolean> {
  const flags = ['--strict', '--timeout', '5', '--host', host, '--port', String(port)];
  if (mode === 'tls') flags.push('--tls', '--insecure');
  const report = await new Promise<string>((resolve) =>
    execFile(binary, flags, { timeout: 300_000 }, (_error, stdout, stderr) => resolve(stdout + stderr)),
  );
  const summary = /^\d+ tests, .*$/m.exec(report)?.[0] ?? 'did not finish';
  console.log(`h2spec ${mode}: ${summary}`);
  if (summary === `${cases} tests, ${cases} passed, 0 skipped, 0 failed`) return true;
  console.log(report.slice(Math.max(0, report.indexOf('\nFailures'))));
  return false;
}

/** A key and a self-signed certificate for `localhost`, in PEM. */
function certificate(): { readonly key: string; readonly text: string } {
  const folder = mkdtempSync(join(tmpdir(), 'headgate-h2spec-'));
  const [keyFile, file] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const kind = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  execFileSync('openssl', ['req', ...kind, '-subj', '/CN=localhost', '-keyout', keyFile, '-out', file], {
    stdio: 'ignore',
  });
  const made = { key: readFileSync(keyFile, 'utf8'), text: readFileSync(file, 'utf8') };
  rmSync(folder, { recursive: true });
  return made;
}

/** Starts the proxy with an echo behind it; ends both. */
async function wholeProxyPasses(binary: string): Promise<boolean> {
  const echo = await startEcho({ name: 'echo', port: 0, address: '127.0.0.1' });
  const [clear, tls] = [await freePort(), await freePort()];
  const { key, text } = certificate();
  const https = {
    name: 'https',
    protocol: 'HTTPS',
    port: tls,
    tls: { mode: 'Terminate', certificateRefs: [{ name: 'web' }] },
  };
  const headgate = await startHeadgate({
    'all.yaml': manifests(
      gatewayClass(),
      gateway(httpListener(clear), https),
      tlsSecret('web', text, key),
      httpRoute('echo', { rules: [{ backendRefs: [{ name: 'echo', port: 80 }] }] }),
      service('echo', [(echo.address() as AddressInfo).port]),
    ),
  });
  try {
    const inTheClear = await passes(binary, { host: '127.0.0.1', port: clear, mode: 'clear' });
    const overTls = await passes(binary, { host: '127.0.0.1', port: tls, mode: 'tls' });
    return inTheClear && overTls;
  } finally {
    await headgate.stop();
    echo.closeAllConnections();
    echo.close();
    await once(echo, 'close');
  }
}

const [host, port, mode] = process.argv.slice(2);
const binary = build();
const isGood =
  host !== undefined && port !== undefined
    ? await passes(binary, { host, port: Number(port), mode: mode === 'tls' ? 'tls' : 'clear' })
    : await wholeProxyPasses(binary);
process.exitCode = isGood ? 0 : 1;
