/** `headgate status`: judges files without serving them, asks a running Headgate, or reads what a controller wrote into a cluster. Status 1 when something is not accepted. */
import { styleFor } from '../../lib/style.ts';
import { outputTo } from '../../lib/output.ts';
import { badNewsOf } from '../../controller/statuses.ts';
import type { HostPort } from '../arguments.ts';
import { renderStatus } from '../render-status.ts';
import { hostPort } from '../report.ts';
import type { ClusterScope } from '../cluster-status.ts';
import { statusesOf, type StatusDocument } from '../status-document.ts';
import { UserError } from '../user-error.ts';

/** Any option of a ClusterScope means a cluster. */
export interface StatusOptions extends ClusterScope {
  /** Empty: a cluster, or the running Headgate. */
  readonly paths: readonly string[];
  readonly output: 'table' | 'json' | 'yaml';
  readonly admin: HostPort;
}

export async function status(options: StatusOptions): Promise<void> {
  const { output: format } = options;
  const document = await read(options);
  const output = outputTo(process.stdout);
  output.write(await rendered(document, format, () => renderStatus(document, styleFor(output, process.env))));
  if (format !== 'table') tellProblems(document);
  if (!isAccepted(document)) process.exitCode = 1;
}

/** Everything as written: no document is refused and no condition says that a part of it is not served. */
function isAccepted(document: StatusDocument): boolean {
  const isClean = [...document.problems, ...document.notes].every(({ severity }) => severity !== 'error');
  return isClean && badNewsOf(statusesOf(document)).every(({ severity }) => severity !== 'error');
}

async function read({ paths, admin, kubeconfig, context, namespace, allNamespaces }: StatusOptions) {
  const isCluster = [kubeconfig, context, namespace, allNamespaces].some((option) => option !== undefined);
  if (!isCluster) return paths.length > 0 ? judge(paths) : ask(admin);
  if (paths.length > 0) {
    throw new UserError('files and a cluster at once: leave the files out, or --kubeconfig, --context, -n and -A');
  }
  const { clusterStatus } = await import('../cluster-status.ts');
  return clusterStatus({ kubeconfig, context, namespace, allNamespaces });
}

async function judge(paths: readonly string[]): Promise<StatusDocument> {
  const { judgeFiles } = await import('../judge-files.ts');
  return judgeFiles(paths);
}

async function ask({ host, port }: HostPort): Promise<StatusDocument> {
  const url = `http://${hostPort(host, port)}/status`;
  const response = await fetch(url, { signal: AbortSignal.timeout(10_000) }).catch(() => null);
  if (!response) {
    throw new UserError(
      `nothing answers at ${url}. Is headgate running? Name its --admin address, or files to judge: headgate status PATH…`,
    );
  }
  if (!response.ok) throw new UserError(`${url} answered with ${response.status}; that is no headgate's admin API`);
  return (await response.json()) as StatusDocument;
}

async function rendered(
  document: StatusDocument,
  format: StatusOptions['output'],
  asTable: () => string,
): Promise<string> {
  const list = { apiVersion: 'v1', kind: 'List', items: document.items };
  if (format === 'json') return `${JSON.stringify(list, null, 2)}\n`;
  if (format === 'table') return asTable() || 'There are no Gateways and no routes.\n';
  const { dump } = await import('js-yaml');
  // By way of JSON: what is undefined is not there.
  return dump(JSON.parse(JSON.stringify(list)), { lineWidth: 120 });
}

/** Beside the document, so that it can be piped on. */
function tellProblems({ problems }: StatusDocument): void {
  for (const { file, line, field, message } of problems) {
    const where = [file, line].filter((part) => part !== undefined).join(':');
    process.stderr.write(`${[where, field].filter(Boolean).join(' ')}: ${message}\n`);
  }
}
