// What no honest client sends: values for each kind of place in a request, and where in a body values go.

const LONG = 'x'.repeat(100_000);

// Texts, as JavaScript has them.
const TEXTS = [
  '', ' ', 'a\0b', '\0', 'a\r\nX-Injected: 1\r\n\r\nHTTP/1.1 200 OK', '\n', '\t', '\x7f', '\x1b[2J', '\x85', '\ufeff', '\uffff',
  "'", '"', '\\', '`', "'; DROP TABLE elt_sync; --", '1 OR 1=1', '$1', '?', '%', '_',
  '../../../../etc/passwd', '..\\..\\x', '%2e%2e%2f', '%00', '/', 'file:///etc/passwd', 'C:\\x',
  '%s%s%n%n', '${jndi:ldap://127.0.0.1}', '{{7*7}}', '$(id)', '`id`', '|id',
  '\u202egnirts', '\u200b', '👩‍👩‍👧‍👦', 'e\u0301', 'ﷺ'.repeat(30), 'İ', 'ß',
  '<script>alert(1)</script>', '"><img src=x onerror=alert(1)>', 'javascript:alert(1)', '&lt;', ']]>', '<!--',
  '__proto__', 'constructor', 'toString', 'null', 'undefined', 'NaN', 'true', '-1', '1e309', '0x10', '007', '18446744073709551616',
  '2024-02-30', '9999-99-99T99:99:99Z', '99999999-01-01', '* * * * *', '*/0 * * * *', '@reboot', '61 * * * *',
  'http://127.0.0.1:1/x', 'postgres://', 'sqlite:', 'A'.repeat(14), 'A'.repeat(256), LONG,
];

// JSON texts of values; what cannot be read as JSON at all has no field to be named.
const READABLE = [
  ...TEXTS.map((text) => JSON.stringify(text)),
  'null', 'true', 'false', '0', '-0', '-1', '1', '0.1', '1e308', '-1e308', '1e-400', '9007199254740993', '9223372036854775807',
  '-9223372036854775808', '9223372036854775808', '99999999999999999999999999', '1e309', '-1e309', '[]', '{}', '[null]', '[[]]', '[{}]', '{"a":{"a":{}}}', '["a","a"]', '[1,"a",null]',
  `[${'"x",'.repeat(5000)}"x"]`, `${'['.repeat(50)}${']'.repeat(50)}`, `${'{"a":'.repeat(50)}1${'}'.repeat(50)}`,
  '{"__proto__":{"admin":true}}', '{"constructor":{"prototype":{}}}', '{"length":1e9}', '{"toString":1}',
];
const UNREADABLE = [
  '"\\ud800"', '"\\udc00x"', '"\\ud800\\ud800"', '"a', '"\\x"',
  '"\n"', "'a'", 'NaN', 'Infinity', 'undefined', '01', '.5', '1.', '+1', '0x1', '[1,]', '{"a":1,}', '{a:1}', '[', '}', '', '/*a*/1',
  `${'['.repeat(20_000)}${']'.repeat(20_000)}`, `${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)}`,
  Buffer.from('"\xff\xfe"', 'latin1'), Buffer.from('"\xc0\xaf"', 'latin1'), Buffer.from('"\xed\xa0\x80"', 'latin1'),
  Buffer.from('"\xf5\x80\x80\x80"', 'latin1'), Buffer.from('"\xe2\x28\xa1"', 'latin1'),
];

export const JSON_VALUES = [
  ...READABLE.map((text) => ({ bytes: Buffer.from(text), readable: true })),
  ...UNREADABLE.map((text) => ({ bytes: Buffer.from(text), readable: false })),
];

// As they stand in a path or query. Longer ones than a request line may have are another test's.
const ENCODED = [
  '%00', '%ff', '%c0%af', '%ed%a0%80', '%f5%80%80%80', '%e2%28%a1', '%2e%2e%2f%2e%2e%2f', '..%2f..%2f', '%252e%252e', '%', '%z', '%zz',
  '%u0041', '%0d%0aX-Injected:%201', '%0aX-Injected:%201', '%0d', '%09', '%7f', '%1b%5b2J', '%23', '%3f', '%26', '+', ';a=b', '%2f', '%5c',
  'x'.repeat(1025), 'x'.repeat(8000), '%41'.repeat(1000), '%f0%9f%91%8d'.repeat(300),
];
export const URL_VALUES = [...TEXTS.filter((text) => text !== '' && text.length < 8000).map(encodeURIComponent), ...ENCODED];

// Whole bodies that are not the object that is asked for.
export const BODIES = [
  '', ' ', '[]', '[{}]', '"x"', '1', 'true', '{', '}', '{}{}', '{} x', '{"a"}', '{"a":}', '{,}', '\0', '{}\0', '\ufeff{}', '<xml/>', 'a=b',
  '{"__proto__":{"admin":true},"constructor":1}', `{"${'k'.repeat(100_000)}":1}`, '{"":{"":{"":""}}}', '{"a":1,"a":2}',
  `${'['.repeat(100_000)}`, `${'{"a":'.repeat(100_000)}`, `[${'{},'.repeat(50_000)}{}]`, `{${Array.from({ length: 20_000 }, (_, i) => `"k${i}":${i}`)}}`,
  Buffer.from('{"\xff":1}', 'latin1'), Buffer.from('\xff\xfe{\0}\0', 'latin1'), Buffer.alloc(1000),
].map((text) => Buffer.from(text));

// The places of a body's schema: [{ keys: ['source_streams', 0, 'name'], secret }].
export function placesOf(schema, schemas, keys = [], secret = false) {
  const inner = schema.$ref ? schemas[schema.$ref.split('/').at(-1)] : schema;
  const own = secret || Boolean(schema.writeOnly);
  const places = keys.length > 0 ? [{ keys, secret: own }] : [];
  for (const part of inner.allOf ?? []) {
    places.push(...placesOf(part, schemas, keys, own).slice(1));
  }
  for (const [name, field] of Object.entries(inner.properties ?? {})) {
    places.push(...placesOf(field, schemas, [...keys, name], own));
  }
  if (inner.items) {
    places.push(...placesOf(inner.items, schemas, [...keys, 0], own));
  }
  return places;
}

// The body with that value in that place, as bytes.
export function put(body, keys, bytes) {
  const MARK = '\u0001mark';
  const copy = structuredClone(body);
  let at = copy;
  for (const [i, key] of keys.entries()) {
    const next = keys[i + 1];
    at[key] = next === undefined ? MARK : at[key] ?? (next === 0 ? [] : {});
    at = at[key];
  }
  const [before, after] = JSON.stringify(copy).split(JSON.stringify(MARK));
  return Buffer.concat([Buffer.from(before), bytes, Buffer.from(after)]);
}
