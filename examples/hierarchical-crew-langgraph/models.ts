import type { BaseChatModel } from "@langchain/core/language_models/chat_models";
import { AIMessage, type BaseMessage } from "@langchain/core/messages";
import { type FakeBuiltModel, fakeModel } from "@langchain/core/testing";

/** Who needs a model. */
export type CrewModels = Readonly<
  Record<"supervisor" | "billing_agent" | "refund_agent" | "notification_agent", BaseChatModel>
>;

/** OpenAI's model when there is a key for it, else models that say what is written below. */
export async function chooseModels(): Promise<CrewModels> {
  if (!process.env["OPENAI_API_KEY"]) return scriptedModels();
  const { ChatOpenAI } = await import("@langchain/openai");
  const model = new ChatOpenAI({ model: process.env["OPENAI_MODEL"] ?? "gpt-4.1-mini" });
  return { supervisor: model, billing_agent: model, refund_agent: model, notification_agent: model };
}

type Say = string | ((messages: readonly BaseMessage[]) => string);
type Use = (messages: readonly BaseMessage[]) => readonly [tool: string, args: Record<string, unknown>];

/** A model that gives these turns one after the other: a tool to use, or words to say. */
function script(...turns: readonly (Say | { readonly use: Use })[]): FakeBuiltModel {
  const model = fakeModel();
  for (const turn of turns) {
    model.respond((messages) => {
      if (typeof turn !== "object") return new AIMessage(typeof turn === "string" ? turn : turn(messages));
      const [name, args] = turn.use(messages);
      const call = { id: `call_${crypto.randomUUID()}`, name, args, type: "tool_call" as const };
      return new AIMessage({ content: "", tool_calls: [call] });
    });
  }
  return model;
}

const use = (tool: string, args: Record<string, unknown> = {}) => ({ use: () => [tool, args] as const });
const charge = (amount: number) =>
  use("stripe_create_payment_intent", {
    amount,
    currency: "usd",
    payment_method: "pm_card_visa",
    confirm: true,
  });

/** The id of the first payment intent that was talked about. */
function paymentIntentIn(messages: readonly BaseMessage[]): string {
  return /pi_\w+/.exec(messages.map(({ text }) => text).join("\n"))?.[0] ?? "";
}

function scriptedModels(): CrewModels {
  const NEWS = "We charged 48.00 USD and refunded 8.00 USD. The bill over 60.00 USD follows tomorrow.";
  return {
    supervisor: script(
      use("transfer_to_billing_agent"),
      use("transfer_to_refund_agent"),
      use("transfer_to_notification_agent"),
      "48.00 USD charged, 8.00 USD refunded, Ada told. Not done: the charge of 60.00 USD, which is over today's cap.",
    ),
    billing_agent: script(
      charge(4_800),
      charge(6_000),
      (messages) =>
        `Charged 48.00 USD (${paymentIntentIn(messages)}). The cap of today does not allow 60.00 USD more.`,
    ),
    refund_agent: script(
      {
        use: (messages) => [
          "stripe_create_refund",
          { payment_intent: paymentIntentIn(messages), amount: 800 },
        ],
      },
      "Refunded 8.00 USD.",
    ),
    notification_agent: script(
      use("twilio_send_sms", { to: "+14155552671", from: "+15005550006", body: NEWS }),
      use("resend_send_email", {
        from: "billing@example.com",
        to: ["ada@example.com"],
        subject: "Your bills",
        text: NEWS,
      }),
      "Ada knows.",
    ),
  };
}
