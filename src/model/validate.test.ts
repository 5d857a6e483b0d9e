import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fieldText } from './field-path.ts';
import type { HTTPRoute } from './schema/types.generated.ts';
import { validate, type Verdict } from './validate.ts';
import { parseManifests } from './yaml.ts';

function judge(text: string): Verdict {
  const [document] = parseManifests(text);
  assert.equal(document!.type, 'Document');
  return validate(document!.type === 'Document' && document!.value);
}

function problemsOf(verdict: Verdict): string[] {
  assert.notEqual(verdict.type, 'UnknownKind');
  return verdict.type === 'UnknownKind'
    ? []
    : verdict.problems.map(({ severity, path, message }) => `${severity} ${fieldText(path)} ${message}`);
}

function route(spec: string, version = 'v1'): string {
  return `apiVersion: gateway.networking.k8s.io/${version}\nkind: HTTPRoute\nmetadata: {name: r}\nspec: ${spec}\n`;
}

function gateway(listener: string): string {
  return `apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: g}
spec: {gatewayClassName: c, listeners: [${listener}]}`;
}

test('defaults are those of an API server', () => {
  const verdict = judge(route('{parentRefs: [{name: g}], rules: [{backendRefs: [{name: s, port: 80}]}]}', 'v1beta1'));
  assert.equal(verdict.type, 'Valid');
  const { apiVersion, metadata, spec } = (verdict as { resource: unknown }).resource as HTTPRoute;
  assert.equal(apiVersion, 'gateway.networking.k8s.io/v1');
  assert.deepEqual(metadata, { name: 'r', namespace: 'default' });
  assert.deepEqual(spec.parentRefs, [{ name: 'g', group: 'gateway.networking.k8s.io', kind: 'Gateway' }]);
  assert.deepEqual(spec.rules, [
    {
      backendRefs: [{ name: 's', port: 80, group: '', kind: 'Service', weight: 1 }],
      matches: [{ path: { type: 'PathPrefix', value: '/' } }],
    },
  ]);
});

test('what an API server refuses is refused, with field and reason', () => {
  const cases: [text: string, problem: RegExp][] = [
    [route('{hostnames: example.com}'), /^error spec\.hostnames must be a list, is "example\.com"/],
    [route('{hostnames: [Example.com]}'), /^error spec\.hostnames\[0\] must match/],
    [route('{rules: [{matches: [{path: {type: Prefix, value: /}}]}]}'), /path\.type must be one of Exact, PathPrefix/],
    [route('{rules: [{matches: [{path: {value: api}}]}]}'), /path value must be an absolute path|must start with/],
    [route('{rules: [{backendRefs: [{name: s, port: 99999}]}]}'), /port must be at most 65535, is 99999/],
    [route('{rules: [{backendRefs: [{port: 80}]}]}'), /backendRefs\[0\]\.name is required/],
    [route('{rules: [{backendRefs: [{name: , port: 80}]}]}'), /backendRefs\[0\]\.name is required/],
    [route(''), /^error spec is required/],
    [gateway('').replace('[]', '~'), /^error spec\.listeners is required/],
    [route('{rules: [{backendRefs: [{name: s}]}]}'), /^error spec\.rules\[0\]\.backendRefs\[0\] /],
    [route('{rules: [{timeouts: {request: 1s, backendRequest: 2s}}]}'), /timeouts/],
    [route('{rules: [{matches: [{headers: [{name: 1, value: x}]}]}]}'), /must be a string, is the number 1: put it in/],
    [gateway('{name: a, port: 80, protocol: HTTP}, {name: a, port: 81, protocol: HTTP}'), /is the same as \[0\]/],
    [gateway('{name: a, port: 80, protocol: HTTP, tls: {}}'), /^error spec\.listeners /],
    ['apiVersion: gateway.networking.k8s.io/v9\nkind: HTTPRoute\n', /apiVersion is no version of HTTPRoute/],
    ['kind: HTTPRoute\n', /^error apiVersion is required/],
    ['apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nspec: {}\n', /^error metadata is required/],
    [route('{}').replace('name: r', 'name: R_1'), /metadata\.name must be lower case/],
    [
      'apiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec: {ports: [{port: web}]}',
      /spec\.ports\[0\]\.port must be an int/,
    ],
    [
      'apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {tls.key: "not it!"}',
      /^error data\["tls\.key"\] is not base64/,
    ],
  ];
  for (const [text, problem] of cases) {
    const verdict = judge(text);
    assert.equal(verdict.type, 'Invalid', text);
    assert.ok(
      problemsOf(verdict).some((line) => problem.test(line)),
      `${text}\n${problemsOf(verdict).join('\n')}`,
    );
  }
});

test('an unknown field is left out, with the one that was meant', () => {
  const verdict = judge(route('{hostname: [a.example], rules: [{backendRef: [], retries: 1}]}'));
  assert.equal(verdict.type, 'Valid');
  assert.deepEqual(problemsOf(verdict), [
    'warning spec.hostname unknown field, ignored: did you mean hostnames?',
    'warning spec.rules[0].backendRef unknown field, ignored: did you mean backendRefs?',
    'warning spec.rules[0].retries unknown field, ignored: did you mean retry?',
  ]);
  assert.equal('hostname' in (verdict as unknown as { resource: HTTPRoute }).resource.spec, false);
});

test('no number of warnings hides an error', () => {
  const rules = Array.from({ length: 60 }, () => '{backendRef: [], retries: 1}');
  const verdict = judge(route(`{rules: [${rules.join(', ')}], hostnames: [Example.com]}`));
  assert.equal(verdict.type, 'Invalid');
  assert.match(problemsOf(verdict).join('\n'), /^error spec\.hostnames\[0\] must match/m);
});

test('older versions and names are read as the newest', () => {
  const set = judge(
    'apiVersion: gateway.networking.x-k8s.io/v1alpha1\nkind: XListenerSet\nmetadata: {name: s}\nspec: {parentRef: {name: g}, listeners: [{name: a, port: 80, protocol: HTTP}]}',
  );
  assert.equal(
    set.type === 'Valid' && `${set.resource.apiVersion} ${set.resource.kind}`,
    'gateway.networking.k8s.io/v1 ListenerSet',
  );
  const tls = judge(
    'apiVersion: gateway.networking.k8s.io/v1alpha2\nkind: TLSRoute\nmetadata: {name: t}\nspec: {rules: [{backendRefs: [{name: s, port: 443}]}]}',
  );
  assert.equal(tls.type, 'Valid', 'hostnames were optional before v1');
  const session = judge(
    route('{rules: [{sessionPersistence: {sessionName: x, cookieConfig: {lifetimeType: Session}}}]}'),
  );
  assert.deepEqual(problemsOf(session), []);
});

test('the text of a Secret becomes its data', () => {
  const verdict = judge('apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {a: hello}\ndata: {b: eA==}');
  assert.deepEqual(verdict.type === 'Valid' && (verdict.resource as unknown as { data: unknown }).data, {
    b: 'eA==',
    a: 'aGVsbG8=',
  });
});

/** Quoted on the web as they stand: what an API server would refuse of them, and why. */
const refusedSeeds: Readonly<Record<string, RegExp>> = {
  '02.yaml': /bad indentation/,
  '03.yaml': /bad indentation/,
  '11.yaml': /line of ---/,
  '12.yaml': /document separator is expected/,
  '22.yaml': /line of ---/,
  '24.yaml': /spec is required/,
};

test('manifests as people write them load, or say what is wrong', () => {
  const folder = new URL('testdata/seeds/', import.meta.url);
  const files = readdirSync(folder);
  assert.equal(files.length, 29);
  for (const file of files) {
    const problems = parseManifests(readFileSync(new URL(file, folder), 'utf8')).flatMap((document) => {
      if (document.type === 'Broken') return [document.problem.message];
      const verdict = validate(document.value);
      return verdict.type === 'UnknownKind' ? [] : problemsOf(verdict);
    });
    assert.match(problems.join('\n'), refusedSeeds[file] ?? /^$/, file);
  }
});
