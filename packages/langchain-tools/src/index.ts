/** Stripe, Twilio and Resend for LangChain agents, each with a vault key of its own. */
export * from "./core.ts";
export { type KeybrakeMiddleware, keybrakeMiddleware } from "./middleware.ts";
export { KeybrakeToolkit, keybrakeTool } from "./toolkit.ts";
