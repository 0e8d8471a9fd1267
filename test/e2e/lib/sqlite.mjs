// Reading SQLite files through the sqlite3 program.
import { execFileSync } from 'node:child_process';
import { exactJson } from './json.mjs';

const OPTIONS = { encoding: 'utf8', maxBuffer: 1 << 30, stdio: ['ignore', 'pipe', 'pipe'] };

// Rows as objects.
export function sqlite(file, sql) {
  const out = execFileSync('sqlite3', ['-readonly', '-json', file, '.timeout 60000', sql], OPTIONS);
  return out.trim() === '' ? [] : exactJson(out);
}

export function sqliteValue(file, sql) {
  const rows = sqlite(file, sql);
  return rows.length === 0 ? undefined : Object.values(rows[0])[0];
}

// The result as SQL literals, one row a line: tells 1 from '1' and NULL from ''.
export function sqliteDump(file, sql) {
  return execFileSync('sqlite3', ['-readonly', file, '.timeout 60000', '.mode quote', sql], OPTIONS);
}

export function sqliteWrite(file, sql) {
  execFileSync('sqlite3', [file, '.timeout 60000', sql], OPTIONS);
}
