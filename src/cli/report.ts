/** What `run` tells when it has come up, as plain data: listeners, routes, backends and problems. Knows no colours and no format. */
import type { ControllerView, SourceProblem } from '../controller/parts.ts';
import { badNewsAbout, type BadNews, type ResourceStatus } from '../controller/statuses.ts';
import { partsOf, type Key } from '../contract/keys.ts';
import type { ListenerConfig } from '../contract/gateway-config.ts';
import type { Resource } from '../model/resources.ts';
import { curlLines } from './curl-lines.ts';

export interface Report {
  readonly listeners: readonly ListenerLine[];
  readonly routes: readonly RouteLine[];
  readonly backends: readonly BackendLine[];
  readonly problems: readonly ProblemLine[];
  /** Commands to try. */
  readonly curl: readonly string[];
}

export type LineState = 'ok' | 'warning' | 'error';

export interface ListenerLine {
  /** `shop/web/http` */
  readonly listener: string;
  /** `0.0.0.0:8080`, several joined by a blank. */
  readonly address: string;
  readonly protocol: string;
  /** `*`: every host. */
  readonly hostname: string;
  /** `shop/cert (localhost, until 2030-01-01)`; empty without TLS. */
  readonly certificate: string;
  readonly state: LineState;
  /** `serving`, or the reason why not. */
  readonly reason: string;
}

export interface RouteLine {
  readonly route: string;
  readonly hostnames: readonly string[];
  readonly rules: number;
  readonly parents: readonly string[];
  readonly state: LineState;
  readonly reason: string;
}

export interface BackendLine {
  readonly backend: string;
  readonly protocol: string;
  readonly ready: number;
  readonly total: number;
  readonly state: LineState;
}

export interface ProblemLine {
  readonly severity: 'error' | 'warning' | 'notice';
  /** `routes.yaml:12:5`, or empty where it is about no document. */
  readonly where: string;
  /** `HTTPRoute shop/cart spec.rules[0]` */
  readonly about: string;
  readonly message: string;
}

/** `defaultAddresses` are those that Gateways without addresses listen on. */
export function reportOf(view: ControllerView, defaultAddresses: readonly string[]): Report {
  const problems = problemLines(view);
  return {
    listeners: listenerLines(view, defaultAddresses),
    routes: routeLines(view),
    backends: backendLines(view),
    problems,
    curl: curlLines(view, defaultAddresses),
  };
}

/** A Gateway or ListenerSet. */
interface ListenerOwnerLike extends Resource {
  readonly spec: {
    readonly listeners?: readonly { name: string; port: number; protocol: string; hostname?: string }[];
  };
}

interface RouteLike extends Resource {
  readonly spec: { readonly hostnames?: readonly string[]; readonly rules?: readonly unknown[] };
}

function listenerLines(view: ControllerView, defaultAddresses: readonly string[]): ListenerLine[] {
  const served = new Map<Key, ListenerConfig>(Object.entries(view.config.listeners));
  const lines: ListenerLine[] = [];
  for (const [key, status] of view.statuses) {
    const { kind, namespace, name } = partsOf(key);
    if (kind !== 'Gateway' && kind !== 'ListenerSet') continue;
    const owner = view.resources.of<ListenerOwnerLike>(kind).get(`${namespace}/${name}`);
    for (const spec of owner?.spec.listeners ?? []) {
      const listener = `${namespace}/${name}/${spec.name}`;
      const config = served.get(`${key}/${spec.name}`);
      const addresses = config?.addresses.length ? config.addresses : defaultAddresses;
      lines.push({
        listener,
        address: addresses.map((address) => hostPort(address, spec.port)).join(' '),
        protocol: spec.protocol,
        hostname: spec.hostname ?? '*',
        certificate: config ? certificateText(view, config) : '',
        ...listenerState(status, spec.name, config !== undefined),
      });
    }
  }
  return lines;
}

function listenerState(status: ResourceStatus, name: string, isServed: boolean): { state: LineState; reason: string } {
  const own = { listeners: (status.listeners ?? []).filter((listener) => listener.name === name) };
  const bad = badNewsAbout('', own);
  const error = bad.find(({ severity }) => severity === 'error');
  if (error && !isServed) return { state: 'error', reason: error.condition.reason };
  if (error)
    return { state: error.condition.type === 'Programmed' ? 'error' : 'warning', reason: error.condition.reason };
  if (!isServed) return { state: 'error', reason: 'not served' };
  return bad[0] ? { state: 'warning', reason: bad[0].condition.reason } : { state: 'ok', reason: 'serving' };
}

function certificateText(view: ControllerView, { tls }: ListenerConfig): string {
  return (tls?.certificates ?? [])
    .flatMap((key) => {
      const certificate = view.config.certificates[key];
      if (!certificate) return [];
      const until = new Date(certificate.notAfterMs).toISOString().slice(0, 10);
      return `${certificate.origin.namespace}/${certificate.origin.name} (${[...certificate.names, `until ${until}`].join(', ')})`;
    })
    .join(' ');
}

function routeLines(view: ControllerView): RouteLine[] {
  const lines: RouteLine[] = [];
  for (const [key, status] of view.statuses) {
    const { kind, namespace, name } = partsOf(key);
    if (!kind.endsWith('Route')) continue;
    const route = view.resources.of<RouteLike>(kind).get(`${namespace}/${name}`);
    const bad = badNewsAbout(key, status);
    const worst = bad.find(({ severity }) => severity === 'error') ?? bad[0];
    lines.push({
      route: `${kind === 'HTTPRoute' ? '' : `${kind} `}${namespace}/${name}`,
      hostnames: route?.spec.hostnames ?? [],
      rules: route?.spec.rules?.length ?? 0,
      parents: [...new Set((status.parents ?? []).map(({ parentRef }) => (parentRef as { name: string }).name))],
      state: worst?.severity ?? 'ok',
      reason: worst?.condition.reason ?? 'accepted',
    });
  }
  return lines;
}

function backendLines(view: ControllerView): BackendLine[] {
  return Object.entries(view.config.backends).map(([key, { protocol }]) => {
    const { kind, namespace, name, section } = partsOf(key);
    const endpoints = view.endpoints.get(key) ?? [];
    const ready = endpoints.filter((endpoint) => endpoint.ready).length;
    return {
      backend: `${kind === 'Service' ? '' : `${kind} `}${namespace}/${name}:${section}`,
      protocol,
      ready,
      total: endpoints.length,
      state: ready === 0 ? 'error' : ready < endpoints.length ? 'warning' : 'ok',
    };
  });
}

type Placed = Pick<ControllerView, 'locate'>;

/** Problems of documents first, then what the conditions say. */
export function problemLines(view: Placed & Pick<ControllerView, 'problems' | 'statuses' | 'notes'>): ProblemLine[] {
  return [
    ...view.problems.map(sourceProblemLine),
    ...noteLines(view),
    ...[...view.statuses].flatMap(([key, status]) => statusLines(key, status, view)),
  ];
}

export function noteLines(view: Placed & Pick<ControllerView, 'notes'>): ProblemLine[] {
  return view.notes.map(({ object, message, severity = 'notice' }) => ({
    severity,
    where: view.locate(object),
    about: objectText(object),
    message,
  }));
}

/** What the conditions of one resource say. */
export function statusLines(key: Key, status: ResourceStatus, { locate }: Placed): ProblemLine[] {
  const where = locate(key);
  return withoutEchoes(badNewsAbout(key, status)).map(({ part, condition, severity }) => ({
    severity,
    where,
    about: [objectText(key), part].filter(Boolean).join(' '),
    message: `${condition.type}=${condition.status} ${condition.reason}: ${condition.message}${where === '' ? '' : wayOut(condition)}`,
  }));
}

/**
 * A mistake stands in several conditions, as the spec has it; a person need read of it once: where it is, not in the
 * Gateway's summary of its listeners, nor again as the reason why a listener is not programmed.
 */
function withoutEchoes(news: readonly BadNews[]): readonly BadNews[] {
  return news.filter((one) => !news.some((other) => isEcho(one, other)));
}

function isEcho({ part, condition }: BadNews, other: BadNews): boolean {
  const isSameText = other.condition.message === condition.message;
  if (part === '' && other.part !== '') return isSameText || condition.message.endsWith('; see the listeners');
  const isOnlyProgrammed = condition.type === 'Programmed' && other.condition.type !== 'Programmed';
  return other.part === part && isOnlyProgrammed && isSameText;
}

/** What the standalone form offers beside what the condition says: what stands in files has a place. */
function wayOut({ reason, message }: BadNews['condition']): string {
  if (reason === 'InvalidCertificateRef' && message.includes('kubectl create secret tls'))
    return '\nWithout a cluster, the same command with --dry-run=client -o yaml > FILE.yaml writes it into a file.';
  const service = reason === 'BackendNotFound' && /Service (\S+) does not exist/.exec(message)?.[1];
  return service
    ? `\nAdd the Service, correct the backendRef, or let a local process answer: --backend ${service}:PORT=localhost:3000`
    : '';
}

export function sourceProblemLine({
  severity,
  file,
  line,
  column,
  object,
  field,
  message,
}: SourceProblem): ProblemLine {
  const where = [file, line, column].filter((part) => part !== undefined).join(':');
  return { severity, where, about: [object, field].filter(Boolean).join(' '), message };
}

/** `HTTPRoute shop/cart` */
export function objectText(key: Key): string {
  const { kind, namespace, name } = partsOf(key);
  return `${kind} ${namespace === '' ? name : `${namespace}/${name}`}`;
}

export function hostPort(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}
