/** An answer that is no success, in Twilio's words. */
export class TwilioError extends Error {
  override readonly name = "TwilioError";
  readonly status: number;
  readonly code: number;

  constructor(status: number, code: number, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }

  /** The body in Twilio's shape. */
  content(): object {
    const { code, message, status } = this;
    return { code, message, more_info: `https://www.twilio.com/docs/errors/${code}`, status };
  }
}

/** 400 with one of Twilio's codes. */
export function badRequest(code: number, message: string): TwilioError {
  return new TwilioError(400, code, message);
}

/** 404 for a path or an object that is not there. */
export function notFound(path: string): TwilioError {
  return new TwilioError(404, 20404, `The requested resource ${path} was not found`);
}

/** 401 for a credential that is absent or wrong. */
export function unauthenticated(): TwilioError {
  return new TwilioError(401, 20003, "Authenticate");
}
