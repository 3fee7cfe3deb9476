// The task service for TypeScript. Node 20 or later; no package is needed.
// Settings as in docs/task-service.md: TASKS_API_URL and TASK_API_KEY.

export interface Task {
  id: number;
  task_name: string;
  status: 'not_started' | 'success' | 'error';
  error_message: string | null;
  result_data: Record<string, unknown> | null;
  message?: string;
  is_duplicate?: boolean;
}

const url: string = process.env.TASKS_API_URL ?? 'http://localhost:8000';
const headers: Record<string, string> = { 'Content-Type': 'application/json' };
if (process.env.TASK_API_KEY) headers['X-API-Key'] = process.env.TASK_API_KEY;
const pause = (seconds: number) => new Promise((done) => setTimeout(done, seconds * 1000));

async function call(method: string, path: string, body?: unknown): Promise<Task> {
  // The same key at every try: a submission that is sent again stays the same one.
  const options = { method, headers: { ...headers, 'Idempotency-Key': crypto.randomUUID() }, body: JSON.stringify(body) };
  for (let tries = 1; ; tries++) {
    const answer: Response | null = await fetch(url + path, options).catch(() => null);
    if (answer?.ok) return answer.json();
    if (tries > 3 || (answer && answer.status !== 429 && answer.status !== 503)) {
      throw new Error(`${method} ${path}: ${answer ? `${answer.status} ${await answer.text()}` : 'no connection'}`);
    }
    await pause(Math.max(Number(answer?.headers.get('Retry-After') ?? 0), 0.25 * 2 ** tries * Math.random()));
  }
}

export const taskService = {
  submitTask: (name: string, payload: Record<string, unknown>) =>
    call('POST', `/tasks/${encodeURIComponent(name)}`, { payload }),
  getTaskStatus: (taskId: number | string) => call('GET', `/tasks/${encodeURIComponent(taskId)}`),
  cancelTask: (taskId: number | string) => call('DELETE', `/tasks/${encodeURIComponent(taskId)}`),
};
