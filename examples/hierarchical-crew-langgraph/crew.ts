import { KeybrakeToolkit } from "@keybrake/langchain-tools";
import { createSupervisor } from "@langchain/langgraph-supervisor";
import { createAgent } from "langchain";
import type { CrewModels } from "./models.ts";

/** What the crew is asked to do. The second charge is more than the billing agent's cap leaves. */
export const TASK = `Customer Ada (ada@example.com, +14155552671, card pm_card_visa) owes two bills, 48.00 USD and 60.00 USD.
Charge each of them. Of the first one refund 8.00 USD. Then tell her by text message (from +15005550006) and by email
(from billing@example.com) what was done. If something cannot be done today, do the rest and say so.`;

/** A supervisor over three agents. Each agent's tools have that agent's keys, wherever in the graph they run. */
export function createCrew(models: CrewModels, environment: Readonly<Record<string, string>>) {
  const agent = (agentId: keyof CrewModels, tools: readonly string[], systemPrompt: string) =>
    createAgent({
      name: agentId,
      model: models[agentId],
      tools: new KeybrakeToolkit({ agentId, tools, environment }).tools,
      systemPrompt: `${systemPrompt} When a tool says to stop, stop, and report what was not done.`,
    }).graph;
  const agents = [
    agent(
      "billing_agent",
      ["stripe_create_payment_intent", "stripe_retrieve_payment_intent"],
      "You charge customers: one confirmed payment intent a bill. Report the id of each.",
    ),
    agent("refund_agent", ["stripe_create_refund"], "You refund payments by the id of their payment intent."),
    agent(
      "notification_agent",
      ["twilio_send_sms", "resend_send_email"],
      "You tell customers what was done.",
    ),
  ];
  return createSupervisor({
    agents,
    llm: models.supervisor,
    prompt:
      "You lead billing_agent, refund_agent and notification_agent. Give each its part, one after the other.",
  }).compile();
}
