// A reporter for Node's test runner: a line when a test begins and when it ends, at that moment. The last lines tell what
// was under way when the runner was ended by a time limit, which other reporters do not.
export default async function* underWay(source) {
  for await (const { type, data } of source) {
    if (type === 'test:dequeue' || type === 'test:complete') {
      yield `${type === 'test:dequeue' ? 'begun' : 'ended'}: ${data.name}\n`;
    }
  }
}
