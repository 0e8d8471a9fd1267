// The commands of docs/api.md, run as they stand there.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ROOT, run } from './lib/process.mjs';
import { clearOfHour } from './lib/quiet_hours.mjs';
import { cleanEnvironment, Server } from './lib/serve.mjs';

// [command, ...] of a section: indented lines that begin with `api`, and those that go on with one.
function commandsOf(text, title) {
  const section = text.split(/^## /m).find((part) => part.startsWith(title));
  const lines = section.split('\n').filter((line) => line.startsWith('    '));
  const commands = [];
  for (const line of lines) {
    if (line.startsWith('    api ')) {
      commands.push(line.trim());
    } else {
      commands[commands.length - 1] += `\n${line}`;
    }
  }
  return commands;
}

test('the story of docs/api.md runs', async (t) => {
  await clearOfHour(6); // when its schedule begins runs of its own
  const server = await Server.start({ contacts: 40, companies: 10, deals: 10 });
  t.after(() => server.stop());
  const text = readFileSync(join(ROOT, 'docs/api.md'), 'utf8');
  const [, curl] = /^ *alias api='(.*)'$/m.exec(text);
  const env = cleanEnvironment({ SLUICE: server.url, KEY: server.key });
  const names = { 'pat-na1-...': server.sim.token }; // what stands for something of the reader's own
  const commands = commandsOf(text, 'From nothing to tables');
  assert.ok(commands.length >= 8, String(commands));
  const seen = [];
  for (const written of commands) {
    let command = written;
    for (const [name, value] of Object.entries(names)) {
      command = command.replaceAll(name, value);
    }
    const script = `api() { ${curl} -w '\\n%{http_code}' --noproxy '*' "$@"; }\n${command}`;
    const { code, stdout, stderr } = await run('bash', ['-c', script], { env });
    assert.equal(code, 0, `${command}\n${stderr}`);
    const [, body, status] = /^(.*)\n(\d+)$/s.exec(stdout);
    // The first runs may still be under way.
    const expected = command.includes('/request_run') ? ['200', '409'] : ['200', '201', '204'];
    assert.ok(expected.includes(status), `${command}\n${status} ${body}`);
    const answer = body === '' ? {} : JSON.parse(body);
    const path = /\$SLUICE(\/\w+)(\/\S+\/\w+)?/.exec(written);
    seen.push(`${path[1]}${path[2] ?? ''}`);
    if (!path[2] && path[1] === '/connections') {
      names.CONNECTION = answer.id;
    } else if (!path[2] && path[1] === '/elt_syncs') {
      names.SYNC = answer.id;
    } else if (answer.source_streams && written.includes('-d')) {
      names.STREAM = answer.source_streams[0].id;
    }
  }
  assert.deepEqual(seen, ['/connection_bridges', '/connections', '/elt_syncs', '/elt_syncs/SYNC/available_source_streams',
    '/elt_syncs/SYNC/source_streams', '/elt_syncs/SYNC/enable', '/elt_streams/STREAM/request_run', '/elt_syncs/SYNC/status']);
  const ended = await server.settled({ id: names.SYNC });
  for (const [name, { status }] of Object.entries(ended)) {
    assert.equal(status, 'COMPLETED', name);
  }
});
