// JSON.parse for ids of 64 bits: integers that a double does not hold come as text.
const TOKEN = /"(?:\\.|[^"\\])*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

export function exactJson(text) {
  const exact = text.replace(TOKEN, (token) =>
    token[0] !== '"' && /^-?\d{16,}$/.test(token) && !Number.isSafeInteger(Number(token)) ? `"${token}"` : token,
  );
  return JSON.parse(exact);
}
