// The description that a server gives of itself, and whether what it answers is as described.
//
//   const openapi = await OpenApi.load(url);
//   openapi.check({ method: 'GET', path: '/elt_syncs', status, headers, text });  // throws when it is not
//
// An answer fits when the operation is described, the status declared, the content type the declared one, the body of
// its schema, with no field that the schema does not name; a 204 has no body, and every error has the error's shape.
import assert from 'node:assert/strict';
import Ajv from 'ajv';
import addFormats from 'ajv-formats';

const METHODS = ['get', 'post', 'put', 'patch', 'delete'];

// Older clients' names, which the document leaves out: answered as the operation that they stand for.
const ALIASES = {
  'POST /elt_syncs/{id}/start': 'enableEltSync',
  'POST /elt_syncs/{id}/stop': 'disableEltSync',
  'PATCH /elt_syncs/{id}': 'updateEltSync',
  'GET /elt_syncs/{id}/source_streams': undefined, // a shape of its own
};

// Pages for people, which are HTML.
const PAGES = /^\/(authorize|docs|oauth)(\/|$)/;

// What the server refuses before it knows which operation is meant.
const WIRE = { 400: 'bad_request', 413: 'body_too_large', 414: 'uri_too_long', 431: 'headers_too_large' };

const DROPPED = ['example', 'writeOnly', 'readOnly', 'nullable', 'description', 'deprecated'];

// A schema of OpenAPI 3.0 as a JSON Schema that admits nothing it does not name.
function strict(schema) {
  if (Array.isArray(schema)) {
    return schema.map(strict);
  }
  if (typeof schema !== 'object' || schema === null) {
    return schema;
  }
  const out = {};
  for (const [name, value] of Object.entries(schema)) {
    if (name === 'properties') {
      const shown = Object.entries(value).filter(([, field]) => !field.writeOnly);
      out.properties = Object.fromEntries(shown.map(([field, inner]) => [field, strict(inner)]));
    } else if (name === 'enum') {
      out.enum = value;
    } else if (!DROPPED.includes(name)) {
      out[name] = strict(value);
    }
  }
  if (out.properties && out.additionalProperties === undefined) {
    out.additionalProperties = false;
  }
  return schema.nullable ? { anyOf: [out, { type: 'null' }] } : out;
}

// Of a target as it is sent: "%2e%2e" and ".." are no steps up here.
function pathOf(target) {
  return target.replace(/^https?:\/\/[^/]*/, '').split(/[?#]/)[0];
}

function matcher(template) {
  const source = template
    .split('/')
    .map((part) => (part.startsWith('{') ? '[^/]+' : part.replace(/[.*+?^$()|[\]\\]/g, '\\$&')))
    .join('/');
  return new RegExp(`^${source}/?$`);
}

export class OpenApi {
  static async load(url) {
    const answer = await fetch(new URL('/openapi.json', url));
    assert.equal(answer.status, 200);
    return new OpenApi(await answer.json());
  }

  constructor(document) {
    this.document = document;
    this.operations = [];
    for (const [path, item] of Object.entries(document.paths)) {
      for (const method of METHODS.filter((name) => item[name])) {
        this.operations.push({ ...item[method], method: method.toUpperCase(), path, matches: matcher(path) });
      }
    }
    // Names win over arguments.
    this.operations.sort((a, b) => a.path.split('{').length - b.path.split('{').length);
    this.aliases = Object.entries(ALIASES).map(([name, operationId]) => {
      const [method, path] = name.split(' ');
      const operation = this.operations.find((o) => o.operationId === operationId);
      return { method, matches: matcher(path), operation, known: operationId === undefined };
    });
    this.ajv = new Ajv({ strict: false, allErrors: true });
    addFormats(this.ajv);
    const schemas = document.components?.schemas ?? {};
    const definitions = Object.entries(schemas).map(([name, schema]) => [name, strict(schema)]);
    this.ajv.addSchema({ $id: 'document', components: { schemas: Object.fromEntries(definitions) } });
    this.compiled = new Map();
    this.seen = new Map(); // operationId -> the statuses that were answered
  }

  // The operation of a request; undefined when the document has none.
  find(method, path) {
    const pathname = pathOf(path);
    const wanted = method === 'HEAD' ? 'GET' : method;
    return this.operations.find((o) => o.method === wanted && o.matches.test(pathname));
  }

  validator(schema) {
    const key = JSON.stringify(schema);
    if (!this.compiled.has(key)) {
      const text = JSON.stringify(strict(schema)).replaceAll('"#/components/', '"document#/components/');
      this.compiled.set(key, this.ajv.compile(JSON.parse(text)));
    }
    return this.compiled.get(key);
  }

  assertFits(schema, value, what) {
    const validate = this.validator(schema);
    const fits = validate(value);
    assert.ok(fits, `${what}: ${this.ajv.errorsText(validate.errors)} in ${JSON.stringify(value)?.slice(0, 2000)}`);
  }

  assertError({ status, headers, text }, what) {
    assert.match(headers.get('content-type') ?? '', /^application\/json/, what);
    const body = JSON.parse(text);
    this.assertFits({ $ref: '#/components/schemas/Error' }, body, what);
    assert.ok(body.error_code !== '' && body.message !== '', `${what}: an error says nothing: ${text}`);
    assert.ok(status >= 400, what);
    return body;
  }

  // Of a request that no operation is for.
  checkOther(answer, what) {
    const { method, path, status } = answer;
    const pathname = pathOf(path);
    const alias = this.aliases.find((a) => a.method === method && a.matches.test(pathname));
    if (PAGES.test(pathname) || (alias?.known && status < 400) || method === 'OPTIONS') {
      return;
    }
    if (alias?.operation) {
      this.checkOperation(alias.operation, answer, what);
      return;
    }
    const { error_code: code } = this.assertError(answer, what);
    const expected = alias || status in WIRE || [404, 405].includes(status);
    assert.ok(expected, `${what}: no such operation is described, and the answer is ${code}`);
  }

  checkOperation(operation, answer, what) {
    const { method, status, headers, text } = answer;
    if (method === 'HEAD') {
      assert.equal(text, '', what);
      return;
    }
    const declared = operation.responses[status];
    if (!declared) {
      const { error_code: code } = this.assertError(answer, `${what}: a status that is not declared`);
      assert.equal(code, WIRE[status], `${what}: the status is not declared: ${text}`);
      return;
    }
    if (!declared.content) {
      assert.equal(text, '', `${what}: no body is declared`);
      assert.equal(headers.get('content-type'), null, `${what}: no body is declared, but a type is sent`);
      return;
    }
    const type = (headers.get('content-type') ?? '').split(';')[0];
    const content = declared.content[type];
    assert.ok(content, `${what}: "${type}" is not among the declared types ${Object.keys(declared.content)}`);
    if (type === 'application/json') {
      this.assertFits(content.schema, JSON.parse(text), what);
    }
    if (status >= 400) {
      this.assertError(answer, what);
    }
  }

  // `path` may have a query.
  check(answer) {
    const { method, path, status } = answer;
    const what = `${method} ${path.slice(0, 200)} -> ${status}`;
    const operation = this.find(method, path);
    if (!operation) {
      this.checkOther(answer, what);
      return;
    }
    this.checkOperation(operation, answer, what);
    if (method !== 'HEAD') {
      const { operationId } = operation;
      this.seen.set(operationId, (this.seen.get(operationId) ?? new Set()).add(status));
    }
  }
}
