export const jitter = (milliseconds) => Math.random() * milliseconds;

/** 1 s, 2 s, 4 s … 60 s, each spread by half, so that a restarted server is not met by everyone at once. */
export const backoff = (attempt) => Math.min(2 ** attempt, 60) * (500 + jitter(1000));
