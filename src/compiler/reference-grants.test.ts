/** The grant that a message spells out is one that can be applied as it stands, and that helps. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { resourceSet } from '../model/resources.ts';
import { validate } from '../model/validate.ts';
import { parseManifests } from '../model/yaml.ts';
import { indexGrants, refusal } from './reference-grants.ts';

const group = 'gateway.networking.k8s.io';

for (const name of ['shop', 'team-a', '123', '1e3', 'on', 'null', '0x1f']) {
  test(`the grant that is missing between namespaces called ${name}`, () => {
    const from = { group, kind: 'HTTPRoute', namespace: name };
    const to = { group: '', kind: 'Service', namespace: name.replace(/.$/, '0'), name };
    const refused = refusal(indexGrants(resourceSet(new Map())), from, to);
    const [document] = parseManifests(refused!.message.slice(refused!.message.indexOf('\n')));
    assert.equal(document?.type, 'Document');
    const verdict = validate(document?.type === 'Document' ? document.value : null);
    assert.deepEqual([verdict.type, 'problems' in verdict && verdict.problems], ['Valid', []]);
    const grant = verdict.type === 'Valid' ? verdict.resource : null;
    const grants = indexGrants(resourceSet(new Map([['ReferenceGrant', new Map([['one', grant!]])]])));
    assert.equal(refusal(grants, from, to), null);
  });
}
