import assert from 'node:assert/strict';
import { test } from 'node:test';
import { plainStyle } from '../lib/style.ts';
import { renderReport } from './render-report.ts';
import { reportOf } from './report.ts';
import { cart, documents, gateway, route, viewOf } from './view.test-support.ts';

const toCart = 'rules: [{ backendRefs: [{ name: cart, port: 80 }] }]';

test('names listeners, routes and backends with their state', () => {
  const report = reportOf(viewOf(documents(gateway, cart, route('cart', `hostnames: [cart.localhost], ${toCart}`))), [
    '0.0.0.0',
  ]);
  assert.deepEqual(report.listeners, [
    {
      listener: 'shop/web/http',
      address: '0.0.0.0:8080',
      protocol: 'HTTP',
      hostname: '*',
      certificate: '',
      state: 'ok',
      reason: 'serving',
    },
  ]);
  assert.deepEqual(report.routes, [
    { route: 'shop/cart', hostnames: ['cart.localhost'], rules: 1, parents: ['web'], state: 'ok', reason: 'accepted' },
  ]);
  assert.deepEqual(report.backends, [
    { backend: 'shop/cart:80', protocol: 'http1', ready: 1, total: 2, state: 'warning' },
  ]);
  assert.deepEqual(report.curl, ['curl http://cart.localhost:8080/']);
});

test('a listener that could not be opened is not serving, and no request to it is suggested', () => {
  const probe = viewOf(documents(gateway, cart, route('cart', toCart)));
  const [listener] = Object.keys(probe.config.listeners);
  const problem = { listener: listener!, reason: 'AddressInUse', message: 'taken' };
  const view = viewOf(documents(gateway, cart, route('cart', toCart)), { version: 1, problems: [problem] });
  const report = reportOf(view, ['0.0.0.0']);
  assert.equal(report.listeners[0]?.state, 'error');
  assert.notEqual(report.listeners[0]?.reason, 'serving');
  assert.ok(report.problems.some(({ message }) => message.includes('taken')));
  assert.deepEqual(report.curl, []);
});

test('what is wrong stands with the object, and documents come first', () => {
  const view = viewOf(documents(gateway, route('lost', 'rules: [{ backendRefs: [{ name: gone, port: 80 }] }]')));
  const problem = {
    severity: 'error' as const,
    file: 'a.yaml',
    line: 3,
    column: 5,
    field: 'spec.x',
    message: 'is bad',
  };
  const { problems, routes } = reportOf({ ...view, problems: [problem] }, []);
  assert.deepEqual(problems[0], { severity: 'error', where: 'a.yaml:3:5', about: 'spec.x', message: 'is bad' });
  assert.ok(
    problems.some(
      ({ where, about, message }) =>
        where === 'routes.yaml:3' && about.startsWith('HTTPRoute shop/lost') && /BackendNotFound/.test(message),
    ),
  );
  assert.equal(routes[0]?.reason, 'BackendNotFound');
  assert.ok(problems.some(({ message }) => message.includes('--backend shop/gone:PORT')));
  const inCluster = reportOf({ ...view, locate: () => '' }, []).problems;
  assert.ok(
    inCluster.every(({ message }) => !message.includes('--backend')),
    'the controller has no such option',
  );
});

test('a report is tables, problems and commands, with nothing for what there is none of', () => {
  const view = viewOf(documents(gateway, cart, route('cart', toCart)));
  const text = renderReport(reportOf(view, ['0.0.0.0', '::']), plainStyle);
  assert.match(
    text,
    /^LISTENER +PROTOCOL +ADDRESS +HOSTNAME +STATE\nshop\/web\/http +HTTP +0\.0\.0\.0:8080 \[::\]:8080 +\* +serving\n/,
  );
  assert.match(text, /\nBACKEND +PROTOCOL +ENDPOINTS\nshop\/cart:80 +http1 +1\/2 ready\n/);
  assert.match(text, /\nTry it:\n {2}curl http:\/\/127\.0\.0\.1:8080\/\n$/);
  assert.doesNotMatch(text, /CERTIFICATE/);
  assert.equal(
    renderReport(reportOf(viewOf('[]'.replace('[]', gateway.replace('web', 'other'))), []), plainStyle).includes(
      'ROUTE',
    ),
    false,
  );
});

test('a long table is cut, and says so', () => {
  const routes = Array.from({ length: 40 }, (_, i) => route(`r${i}`, toCart));
  const text = renderReport(reportOf(viewOf(documents(gateway, cart, ...routes)), []), plainStyle);
  assert.match(text, /… and 15 more; headgate status shows all\n/);
});

test('a mistake that stands in several conditions is told once, where it is', () => {
  const tls = gateway.replace('protocol: HTTP', 'protocol: HTTPS, tls: { certificateRefs: [{ name: gone }] }');
  const { problems } = reportOf(viewOf(documents(tls)), []);
  assert.deepEqual(
    problems.map(({ about }) => about),
    ['Gateway shop/web listener http'],
  );
  assert.match(problems[0]!.message, /^ResolvedRefs=False InvalidCertificateRef/);
});
