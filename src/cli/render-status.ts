/** Turns a status document into tables as `kubectl get` prints them, and the reasons below, as `kubectl describe` does. */
import { parentText, type TimedCondition } from '../controller/statuses.ts';
import { printable } from '../lib/log.ts';
import type { Style } from '../lib/style.ts';
import { tableLines } from '../lib/table.ts';
import { nameOf } from '../model/resources.ts';
import { problemText } from './render-report.ts';
import { problemLines } from './report.ts';
import { statusesOf, type ResourceWithStatus, type StatusDocument } from './status-document.ts';

/** A Gateway or ListenerSet. */
interface ListenerOwnerView extends ResourceWithStatus {
  readonly spec: {
    readonly listeners?: readonly { name: string; port: number; protocol: string; hostname?: string }[];
  };
}

interface GatewayView extends ResourceWithStatus {
  readonly spec: { readonly gatewayClassName: string };
  readonly status: ResourceWithStatus['status'] & {
    readonly addresses?: readonly { readonly value: string }[];
  };
}

interface RouteView extends ResourceWithStatus {
  readonly spec: { readonly hostnames?: readonly string[] };
}

const judgedOnly = 'Judged from files, served by nobody: Programmed stays Pending until headgate run serves them.';

export function renderStatus(document: StatusDocument, style: Style): string {
  const gateways = document.items.filter(({ kind }) => kind === 'Gateway') as GatewayView[];
  const routeKinds = [...new Set(document.items.map(({ kind }) => kind).filter((kind) => kind.endsWith('Route')))];
  const blocks = [
    gatewayTable(gateways, style),
    listenerTable(
      document.items.filter(({ kind }) => kind === 'Gateway' || kind === 'ListenerSet') as ListenerOwnerView[],
      style,
    ),
    ...routeKinds.map((kind) =>
      routeTable(kind, document.items.filter((item) => item.kind === kind) as RouteView[], style),
    ),
    problemBlock(document, style),
    document.version === 0 && gateways.length > 0 ? [style.faint(judgedOnly)] : [],
  ];
  return blocks
    .filter((block) => block.length > 0)
    .map((block) => block.map((line) => `${printable(line)}\n`).join(''))
    .join('\n');
}

function gatewayTable(gateways: readonly GatewayView[], style: Style): string[] {
  const rows = gateways.map((gateway) => [
    nameOf(gateway),
    gateway.spec.gatewayClassName,
    (gateway.status.addresses ?? []).map(({ value }) => value).join(', ') || '-',
    ...cells(gateway.status.conditions, ['Accepted', 'Programmed'], style),
  ]);
  return table(['GATEWAY', 'CLASS', 'ADDRESSES', 'ACCEPTED', 'PROGRAMMED'], rows, style);
}

function listenerTable(owners: readonly ListenerOwnerView[], style: Style): string[] {
  const rows = owners.flatMap((owner) =>
    (owner.spec.listeners ?? []).map((listener) => {
      const status = owner.status.listeners?.find(({ name }) => name === listener.name);
      return [
        `${nameOf(owner)}/${listener.name}`,
        listener.protocol,
        String(listener.port),
        listener.hostname ?? '*',
        String(status?.attachedRoutes ?? 0),
        ...cells(status?.conditions, ['Accepted', 'ResolvedRefs', 'Programmed'], style),
      ];
    }),
  );
  const headings = ['LISTENER', 'PROTOCOL', 'PORT', 'HOSTNAME', 'ROUTES', 'ACCEPTED', 'RESOLVEDREFS', 'PROGRAMMED'];
  return table(headings, rows, style);
}

function routeTable(kind: string, routes: readonly RouteView[], style: Style): string[] {
  const rows = routes.flatMap((route) =>
    (route.status.parents ?? []).map(({ parentRef, conditions }) => [
      nameOf(route),
      (route.spec.hostnames ?? []).join(',') || '*',
      parentText(parentRef),
      ...cells(conditions, ['Accepted', 'ResolvedRefs'], style),
    ]),
  );
  return table([kind.toUpperCase(), 'HOSTNAMES', 'PARENT', 'ACCEPTED', 'RESOLVEDREFS'], rows, style);
}

function table(headings: readonly string[], rows: readonly (readonly string[])[], style: Style): string[] {
  return rows.length === 0 ? [] : tableLines(headings, rows, { heading: style.faint });
}

/** `True`, or `False (Reason)`; `-` where there is no such condition. */
function cells(conditions: readonly TimedCondition[] | undefined, types: readonly string[], style: Style): string[] {
  return types.map((type) => {
    const condition = conditions?.find((candidate) => candidate.type === type);
    if (!condition) return '-';
    if (condition.status === 'True') return style.good('True');
    const paint = condition.status === 'False' ? style.bad : style.warning;
    return paint(`${condition.status} (${condition.reason})`);
  });
}

function problemBlock(document: StatusDocument, style: Style): string[] {
  const lines = problemLines({
    ...document,
    statuses: statusesOf(document),
    locate: (key) => document.places[key] ?? '',
  });
  return lines.flatMap((line) => problemText(line, style).split('\n'));
}
