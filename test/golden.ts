/**
 * The golden cases of the compiler: `src/compiler/testdata/<area>/<case>.in.yaml` (plain manifests; the first line says what
 * the case proves), `.out.yaml` (what the compiler makes of them, in short form; `npm run golden` rewrites it), and where
 * requests show more, `.traffic.yaml`: a list of requests and what must come back, run through the real proxy.
 */
import { globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { dump, load } from 'js-yaml';
import { compile, type Compiled, type Facts } from '../src/compiler/compile.ts';
import type { GatewayConfig, MatchConfig, PathMatch, ValueMatch } from '../src/contract/gateway-config.ts';
import { partsOf, type Key } from '../src/contract/keys.ts';
import { filterDefinitions } from '../src/filters/index.ts';
import { policyDefinitions } from '../src/policies/index.ts';
import type { Condition } from '../src/model/conditions.ts';
import { nameOf, resourceSet, type Resource, type ResourceSet } from '../src/model/resources.ts';
import { validate } from '../src/model/validate.ts';
import { parseManifests } from '../src/model/yaml.ts';

/** One request of a `.traffic.yaml` and what must come back. */
export interface TrafficStep {
  /** Port of the listener as the Gateway has it; 80 where absent. The runner listens elsewhere and keeps the mapping. */
  readonly port?: number;
  /** The Host, and the SNI where the listener speaks TLS; `test.example` where absent. */
  readonly host?: string;
  /** GET where absent. */
  readonly method?: string;
  /** With query, as it stands on the request line. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** ASCII; sent with its length. */
  readonly body?: string;
  /** The client shows the certificate of that name in test/certificates; absent: none. */
  readonly certificate?: 'client' | 'other-client';
  readonly expect: {
    /** 0: the connection fails. */
    readonly status: number;
    /** Name of the Service that answered, or of one of several that may. The runner puts an echo behind every Service port. */
    readonly backend?: string | readonly string[];
    /** Header fields of the response, which may have others too. */
    readonly headers?: Readonly<Record<string, string>>;
    /** The request as the backend saw it: path with query, Host, some of its fields, and names of fields that must not be there. */
    readonly path?: string;
    readonly host?: string;
    /** The SNI that the backend saw. */
    readonly serverName?: string;
    /** The common name of the certificate that the backend was shown; empty: none. */
    readonly clientCertificate?: string;
    readonly requestHeaders?: Readonly<Record<string, string>>;
    readonly absentRequestHeaders?: readonly string[];
  };
}

export interface GoldenCase {
  /** `area/case`. */
  readonly name: string;
  readonly inPath: string;
  readonly outPath: string;
  /** There may be no such file. */
  readonly trafficPath: string;
}

const testdata = join(dirname(import.meta.dirname), 'src/compiler/testdata');

export function goldenCases(): readonly GoldenCase[] {
  return globSync('*/*.in.yaml', { cwd: testdata })
    .toSorted()
    .map((file) => {
      const name = file.slice(0, -'.in.yaml'.length);
      const path = join(testdata, name);
      return { name, inPath: `${path}.in.yaml`, outPath: `${path}.out.yaml`, trafficPath: `${path}.traffic.yaml` };
    });
}

/** The manifests of a file as they would come from an API server. */
export function loadManifests(path: string): readonly Resource[] {
  return parseManifests(readFileSync(path, 'utf8')).map((document) => {
    if (document.type === 'Broken') throw new Error(`${path}: ${document.problem.message}`);
    const verdict = validate(document.value);
    if (verdict.type !== 'Valid') throw new Error(`${path}: ${JSON.stringify(verdict)}`);
    const { resource } = verdict;
    return { ...resource, metadata: { ...resource.metadata, generation: 1 } };
  });
}

export function setOf(resources: readonly Resource[]): ResourceSet {
  const byKind = new Map<string, Map<string, Resource>>();
  for (const resource of resources) {
    const kind = byKind.get(resource.kind) ?? new Map<string, Resource>();
    byKind.set(resource.kind, kind.set(nameOf(resource), resource));
  }
  return resourceSet(byKind);
}

interface FactsOfCase extends Pick<Facts, 'bundleVersion' | 'channel'> {
  /** By `namespace/name` of the Gateway. */
  readonly assigned?: Readonly<Record<string, readonly string[]>>;
  readonly absentKinds?: readonly string[];
}

/** What a case takes place in, from a line `# facts: {…}` in YAML: the cluster that it is about. */
export function factsOf(path: string): Partial<Facts> {
  const text = /^# facts: (.*)$/m.exec(readFileSync(path, 'utf8'))?.[1];
  if (text === undefined) return {};
  const { assigned, absentKinds, ...rest } = load(text) as FactsOfCase;
  const entries = Object.entries(assigned ?? {}).map(
    ([name, addresses]) => [`Gateway/${name}`, { addresses, problem: null }] as const,
  );
  return {
    ...rest,
    ...(assigned && { assigned: new Map(entries) }),
    ...(absentKinds && { absentKinds: new Set(absentKinds) }),
  };
}

/** As standalone compiles it, once the proxies have said that all is well, but for the facts that are given. */
export function compileManifests(resources: readonly Resource[], given: Partial<Facts> = {}): Compiled {
  const facts = { acknowledged: { problems: [] }, defaultAddresses: ['203.0.113.1'], ...given };
  return compile(
    setOf(resources),
    { filters: filterDefinitions, policies: policyDefinitions, gatewaysWithoutClass: 'Ours' },
    facts,
  );
}

/** The expected output as text: what matters of the tables, and every condition. Does not depend on the order of arrival. */
export function shortForm({ config, statuses, notes, infrastructure }: Compiled): string {
  const form = {
    listeners: Object.fromEntries(
      sorted(config.listeners).map(([key, listener]) => [nameOfKey(key), listenerForm(listener, config)]),
    ),
    hostnames: hostnamesForm(config),
    connections: Object.fromEntries(
      sorted(config.connections).map(([key, { rule }]) => [nameOfKey(key), nameOfKey(rule)]),
    ),
    rules: Object.fromEntries(sorted(config.rules).map(([key, rule]) => [nameOfKey(key), ruleForm(rule, config)])),
    backends: Object.fromEntries(
      sorted(config.backends).map(([key, backend]) => [nameOfKey(key), backendText(backend)]),
    ),
    certificates: Object.fromEntries(
      sorted(config.certificates).map(([key, certificate]) => [nameOfKey(key), certificate.names.join(' ')]),
    ),
    statuses: Object.fromEntries(
      [...statuses].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([key, status]) => [key, statusForm(status)]),
    ),
    infrastructure: Object.fromEntries(
      [...infrastructure]
        .filter(([, { type }]) => type !== 'AsIs')
        .map(([key, wish]) => [nameOfKey(key), dropEmpty({ ...wish })]),
    ),
    notes: notes.map((note) => `${note.object}: ${note.message}`).toSorted(),
  };
  return dump(dropEmpty(form), { lineWidth: -1, noRefs: true });
}

function sorted<T>(table: Readonly<Record<Key, T>>): readonly [Key, T][] {
  return Object.entries(table).toSorted(([a], [b]) => (a < b ? -1 : 1));
}

/** The namespace `default` is left out. */
function nameOfKey(key: Key): string {
  const { namespace, name, section } = partsOf(key);
  return [...(namespace === 'default' ? [] : [namespace]), name, ...(section === '' ? [] : [section])].join('/');
}

function listenerForm(listener: GatewayConfig['listeners'][Key], config: GatewayConfig): unknown {
  const text = listenerText(listener);
  return listener.filters === undefined ? text : { [text]: listener.filters.map((key) => filterText(key, config)) };
}

function filterText(key: Key, config: GatewayConfig): string {
  const filter = config.filters[key];
  return `${filter?.type} ${filter?.problem === undefined ? JSON.stringify(filter?.config) : `! ${filter.problem}`}`;
}

function listenerText({
  protocol,
  port,
  hostname,
  addresses,
  tls,
  clientCertificate,
  proxyProtocol,
}: GatewayConfig['listeners'][Key]): string {
  const certificates = tls?.mode === 'Terminate' ? ` certificates ${tls.certificates.map(nameOfKey).join(' ')}` : '';
  const passthrough = tls?.mode === 'Passthrough' ? ' passthrough' : '';
  const clients = tls?.clientValidation ? ` clients ${tls.clientValidation.mode}` : '';
  const own = clientCertificate ? `, client certificate ${clientCertificate.origin.name}` : '';
  const proxied = proxyProtocol ? `, PROXY from ${proxyProtocol.trustedPeers.join(' ')}` : '';
  return `${protocol} ${port} ${hostname || '*'}${addresses.length > 0 ? ` on ${addresses.join(' ')}` : ''}${passthrough}${certificates}${clients}${own}${proxied}`;
}

/** The matches of all paths of a hostname, in the order in which a request tries them. */
function hostnamesForm(config: GatewayConfig): unknown {
  const byHostname = Map.groupBy(
    sorted(config.paths).map(([, entry]) => entry),
    ({ listener, hostname, own }) => `${listener}/${hostname || '*'}/${own || '*'}`,
  );
  const names = [...byHostname].toSorted(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(
    names.map(([key, entries]) => {
      const all = entries.flatMap(({ path, matches }) => matches.map((match) => ({ path, match })));
      const tieOf = ({ path, match }: (typeof all)[number]) => match.tie ?? path.value;
      const ordered = all.toSorted(
        (a, b) => a.match.order - b.match.order || (tieOf(a) < tieOf(b) ? -1 : tieOf(a) > tieOf(b) ? 1 : 0),
      );
      return [nameOfKey(key), ordered.map(({ path, match }) => matchText(path, match))];
    }),
  );
}

function matchText(path: PathMatch, { rule, isGrpc, method, headers = [], query = [] }: MatchConfig): string {
  const values = [...headers.map((one) => valueText(one, '')), ...query.map((one) => valueText(one, '?'))];
  return [
    ...(isGrpc ? ['gRPC'] : []),
    path.type,
    path.value,
    ...(method === undefined ? [] : [method]),
    ...values,
    '->',
    nameOfKey(rule),
  ].join(' ');
}

function valueText({ name, type, value }: ValueMatch, sign: string): string {
  return `${sign}${name}${type === 'RegularExpression' ? '~' : '='}${value}`;
}

function ruleForm(rule: GatewayConfig['rules'][Key], config: GatewayConfig): unknown {
  const { route: _, origin, filters, backends, ...options } = rule;
  const form = {
    section: origin.section?.startsWith('rules[') ? undefined : origin.section,
    filters: filters.map((key) => filterText(key, config)),
    backends: backends.map((one) => {
      const target = `${one.weight} ${one.backend === undefined ? `! ${one.problem}` : nameOfKey(one.backend)}`;
      return one.filters.length === 0 ? target : { [target]: one.filters.map((key) => filterText(key, config)) };
    }),
    ...options,
  };
  return dropEmpty(form);
}

function backendText(backend: GatewayConfig['backends'][Key]): string {
  const { protocol, tls, tlsRefused, proxyProtocol, healthCheck } = backend;
  const proxied = `${proxyProtocol ? `, PROXY ${proxyProtocol}` : ''}${healthCheck ? `, ${probeText(healthCheck)}` : ''}`;
  if (tlsRefused) return `${protocol}, refused: ${tlsRefused}${proxied}`;
  if (!tls) return `${protocol}${proxied}`;
  const names = (tls.subjectAltNames ?? []).map(({ type, value }) => `, ${type} ${value}`).join('');
  return `${protocol} as ${tls.serverName}${names}${tls.ca === undefined ? '' : ', by its CA'}${proxied}`;
}

function probeText({ probe, ...times }: NonNullable<GatewayConfig['backends'][Key]['healthCheck']>): string {
  const { type, ...rest } = probe;
  const what = Object.values(rest).flat().join(' ');
  const { intervalMs, timeoutMs, unhealthyThreshold, healthyThreshold } = times;
  return `probed by ${type}${what && ` ${what}`} each ${intervalMs} ms for ${timeoutMs} ms, ${unhealthyThreshold} down ${healthyThreshold} up`;
}

/** Conditions as `Type: Status Reason`, with the message where something is wrong; the generation is always the newest. */
function statusForm(status: object): unknown {
  if (Array.isArray(status)) return status.map((one: object) => statusForm(one));
  const form: Record<string, unknown> = {};
  for (const [field, value] of Object.entries(status)) {
    if (field === 'conditions') Object.assign(form, conditionsForm(value as readonly Condition[]));
    else if (field === 'supportedKinds') form[field] = kindsText(value as readonly { kind: string }[]);
    else if (field !== 'controllerName')
      form[field] = typeof value === 'object' && value !== null ? statusForm(value as object) : value;
  }
  return form;
}

function kindsText(kinds: readonly { readonly kind: string }[]): string {
  return kinds.map(({ kind }) => kind).join(' ') || 'none';
}

function conditionsForm(conditions: readonly Condition[]): Record<string, string> {
  const usual = new Set(['Accepted', 'Programmed', 'ResolvedRefs', 'NoConflicts']);
  return Object.fromEntries(
    conditions.map(({ type, status, reason, message, observedGeneration }) => {
      const generation = observedGeneration === 1 ? '' : ` (generation ${observedGeneration})`;
      const isUsual = usual.has(reason) && reason === (type === 'Conflicted' ? 'NoConflicts' : type);
      return [type, `${status} ${reason}${generation}${isUsual ? '' : `: ${message}`}`];
    }),
  );
}

function dropEmpty(form: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(form).filter(([, value]) => !isEmpty(value)));
}

function isEmpty(value: unknown): boolean {
  return value === undefined || (typeof value === 'object' && value !== null && Object.keys(value).length === 0);
}
