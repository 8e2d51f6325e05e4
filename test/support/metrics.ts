/** What the server tells at `/metrics`. */
export async function metricsOf(url: string): Promise<string> {
  return (await fetch(`${url.replace("ws:", "http:")}/metrics`)).text();
}

/** The value of one that has no labels, without the `codex_` before its name. */
export async function metric(url: string, name: string): Promise<number> {
  return Number(new RegExp(`^codex_${name} (.*)$`, "m").exec(await metricsOf(url))?.[1]);
}
