/**
 * HTTP to the backend, same origin: JSON in, JSON out, one error class. The session cookie and Django's CSRF
 * token are the browser's own; nothing secret is kept in script.
 */

export class RequestFailed extends Error {
  constructor(
    readonly status: number, // 0: the server was not reached
    readonly code: string,
    message: string,
    readonly requestId: string | null,
    readonly param: string | null = null,
  ) {
    super(message);
  }
}

interface ErrorBody {
  error?: { message?: string; code?: string | null; param?: string | null };
}

export function cookie(name: string): string | null {
  const found = document.cookie.split("; ").find((pair) => pair.startsWith(`${name}=`));
  return found ? decodeURIComponent(found.slice(name.length + 1)) : null;
}

/** The raw answer: allauth's flows answer 401 with a body that matters. */
export async function send(
  method: string,
  path: string,
  body?: unknown,
  more: Record<string, string> = {},
): Promise<Response> {
  const headers: Record<string, string> = { accept: "application/json", ...more };
  if (body !== undefined) headers["content-type"] = "application/json";
  const csrf = cookie("csrftoken");
  if (method !== "GET" && csrf) headers["x-csrftoken"] = csrf;
  try {
    return await fetch(path, {
      method,
      headers,
      credentials: "same-origin",
      body: body === undefined ? null : JSON.stringify(body),
    });
  } catch {
    throw new RequestFailed(0, "unreachable", "", null);
  }
}

export async function request<Answer>(
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const response = await send(method, path, body, headers);
  if (response.ok)
    return response.status === 204 ? (undefined as Answer) : ((await response.json()) as Answer);
  const failure = (await response.json().catch(() => ({}))) as ErrorBody;
  throw new RequestFailed(
    response.status,
    failure.error?.code ?? `http_${response.status}`,
    failure.error?.message ?? "",
    response.headers.get("x-request-id"),
    failure.error?.param ?? null,
  );
}
