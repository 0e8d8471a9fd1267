// What a value of HubSpot must look like in a table: the rules of the manual, written down a second time and
// independently of the program.
import assert from 'node:assert/strict';

// Object type -> [table, key column].
export const TABLES = {
  contacts: ['contact', 'id'],
  companies: ['company', 'id'],
  deals: ['deal', 'deal_id'],
  tickets: ['ticket', 'id'],
  calls: ['engagement_call', 'engagement_id'],
  communications: ['engagement_communication', 'engagement_id'],
  emails: ['engagement_email', 'engagement_id'],
  meetings: ['engagement_meeting', 'engagement_id'],
  notes: ['engagement_note', 'engagement_id'],
  tasks: ['engagement_task', 'engagement_id'],
  postal_mail: ['engagement_postal_mail', 'engagement_id'],
};

export const ENGAGEMENT_TYPES = Object.keys(TABLES).slice(4);

const COLUMN_TYPES = { number: 'decimal', bool: 'bool', date: 'date', datetime: 'timestamp' };

export function columnType(propertyType) {
  return COLUMN_TYPES[propertyType] ?? 'text';
}

const SQL_TYPES = {
  // BLOB affinity: SQLite keeps what it is given, a number that fits exactly or the digits as text.
  sqlite: { text: 'TEXT', decimal: 'NUMERIC BLOB', bool: 'INTEGER', date: 'TEXT', timestamp: 'TEXT', int: 'INTEGER' },
  postgres: {
    text: 'TEXT',
    decimal: 'NUMERIC',
    bool: 'BOOLEAN',
    date: 'DATE',
    timestamp: 'TIMESTAMP WITH TIME ZONE',
    int: 'BIGINT',
  },
};

export function sqlType(kind, type) {
  return SQL_TYPES[kind][type];
}

const INVISIBLE = /^[\s\u00a0\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]+|[\s\u00a0\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]+$/g;
const DECIMAL = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;

function decimal(text) {
  if (!DECIMAL.test(text)) {
    return undefined;
  }
  let [digits, exponent = '0'] = text.toLowerCase().split('e');
  const minus = digits.startsWith('-');
  digits = digits.replace(/^[+-]/, '');
  let [whole, fraction = ''] = digits.split('.');
  const shift = Number(exponent);
  if (shift >= 0) {
    fraction = fraction.padEnd(shift, '0');
    whole += fraction.slice(0, shift);
    fraction = fraction.slice(shift);
  } else {
    whole = whole.padStart(-shift, '0');
    fraction = whole.slice(shift) + fraction;
    whole = whole.slice(0, shift);
  }
  whole = whole.replace(/^0+(?=\d)/, '') || '0';
  fraction = fraction.replace(/0+$/, '');
  const plain = fraction === '' ? whole : `${whole}.${fraction}`;
  return minus && plain !== '0' ? `-${plain}` : plain;
}

function instant(text) {
  if (/^-?\d{5,}$/.test(text)) {
    return Number(text);
  }
  const match = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d+)?)?)(Z|[+-]\d\d:?\d\d)?)?$/i.exec(text);
  if (!match) {
    return undefined;
  }
  const ms = Date.parse(`${match[1]}T${match[2] ?? '00:00:00'}${match[3] ?? 'Z'}`);
  return Number.isNaN(ms) ? undefined : ms;
}

// {value} as it must stand in the table in a form to compare, null for NULL; {reject: true} when it does not fit.
export function expected(type, raw) {
  if (raw === null || raw === undefined || raw === '') {
    return { value: null };
  }
  if (type === 'text') {
    return { value: raw.replaceAll('\0', '\ufffd') };
  }
  const text = raw.replace(INVISIBLE, '');
  if (text === '') {
    return { value: null };
  }
  let value;
  if (type === 'decimal') {
    value = decimal(text);
  } else if (type === 'bool') {
    value = { true: true, yes: true, 1: true, false: false, no: false, 0: false }[text.toLowerCase()];
  } else {
    const ms = instant(text);
    const whole = ms !== undefined && ms % 86_400_000 === 0;
    value = type === 'timestamp' ? ms : whole ? new Date(ms).toISOString().slice(0, 10) : undefined;
  }
  return value === undefined ? { value: null, reject: true } : { value };
}

// A value as the database gave it, in the form that expected() has.
export function actual(type, value) {
  if (value === null || value === undefined) {
    return null;
  }
  switch (type) {
    case 'decimal':
      return decimal(String(value));
    case 'bool':
      assert.ok([0, 1, 't', 'f'].includes(value), `a bool is stored as ${JSON.stringify(value)}`);
      return value === 1 || value === 't';
    case 'timestamp':
      return Date.parse(String(value).replace(' ', 'T').replace(/\+00$/, 'Z'));
    default:
      return value;
  }
}

// SQLite keeps what a double holds exactly as a number and prints 15 digits of it.
export function assertSame(type, found, wanted, what) {
  if (type === 'decimal' && found !== null && wanted !== null && found !== wanted) {
    const [a, b] = [Number(found), Number(wanted)];
    assert.ok(Math.abs(a - b) <= Math.abs(b) * 1e-14, `${what}: ${found} instead of ${wanted}`);
    return;
  }
  assert.equal(found, wanted, what);
}

// Compares sampled records of a type, every property, with what the API gives for them.
export async function assertRecords(sim, destination, type, { every = 1, except = [] } = {}) {
  const [table, key] = TABLES[type];
  const defined = (await sim.properties(type)).filter((property) => !except.includes(property.name));
  const named = await destination.rows(
    `SELECT property, "column", type FROM _sluice_column WHERE object = '${type}'`,
  );
  const columns = new Map(named.map((row) => [`${row.property} ${row.type}`, row.column]));
  const types = new Map((await destination.columns(table)).map((column) => [column.name, column.type]));
  const all = await sim.list(type, defined.map((property) => property.name));
  const sample = all.filter((_, i) => i % every === 0);
  const rows = await destination.rows(
    `SELECT * FROM "${table}" WHERE "${key}" IN (${sample.map((record) => record.id)})`,
  );
  const byId = new Map(rows.map((row) => [String(row[key]), row]));
  let compared = 0;
  for (const property of defined) {
    const wantedType = columnType(property.type);
    const column = columns.get(`${property.name} ${wantedType}`);
    assert.ok(column, `${type}.${property.name} (${wantedType}) has a column`);
    assert.equal(types.get(column), sqlType(destination.kind, wantedType), `type of ${table}.${column}`);
    for (const record of sample) {
      const row = byId.get(record.id);
      assert.ok(row, `${table} has the row ${record.id}`);
      const what = `${table} ${record.id} ${column} from ${JSON.stringify(record.properties[property.name])?.slice(0, 80)}`;
      const want = expected(wantedType, record.properties[property.name]);
      assertSame(wantedType, actual(wantedType, row[column]), want.value, what);
      compared += want.value === null ? 0 : 1;
    }
  }
  assert.ok(sample.length === 0 || compared > sample.length, `${type}: only ${compared} values to compare`);
  return compared;
}

// Rows that are not marked deleted.
export async function liveRows(destination, table, mark = '_sluice_deleted') {
  const [row] = await destination.rows(`SELECT count(*) AS n FROM "${table}" WHERE NOT "${mark}"`);
  return Number(row.n);
}
