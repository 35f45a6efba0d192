/** The names in a text. */
function words(text: string): ReadonlySet<string> {
  return new Set(text.trim().split(/\s+/));
}

/**
 * The parameters that Twilio documents for what costs, by quote rule. Any other may cost in a way that no price
 * covers (an older name of a paid feature, a newer feature), so it makes a call unpriced.
 */
export const DOCUMENTED_PARAMETERS: Readonly<Record<string, ReadonlySet<string>>> = {
  message: words(`
    AddressRetention ApplicationSid Attempt Body ContentRetention ContentSid ContentVariables
    FallbackFrom ForceDelivery From MaxPrice MediaUrl MessagingServiceSid PersistentAction
    ProvideFeedback RiskCheck ScheduleType SendAsMms SendAt ShortenUrls SmartEncoded StatusCallback To
    TrafficType ValidityPeriod
  `),
  call: words(`
    ApplicationSid AsyncAmd AsyncAmdStatusCallback AsyncAmdStatusCallbackMethod Byoc CallReason CallToken
    CallerId ClientNotificationUrl FallbackMethod FallbackUrl From MachineDetection
    MachineDetectionSilenceTimeout MachineDetectionSpeechEndThreshold MachineDetectionSpeechThreshold
    MachineDetectionTimeout Method Record RecordingChannels RecordingStatusCallback
    RecordingStatusCallbackEvent RecordingStatusCallbackMethod RecordingTrack SendDigits SipAuthPassword
    SipAuthUsername StatusCallback StatusCallbackEvent StatusCallbackMethod TimeLimit Timeout To Trim
    Twiml Url
  `),
  call_update: words(`
    FallbackMethod FallbackUrl Method Status StatusCallback StatusCallbackMethod TimeLimit Twiml Url
  `),
  participant: words(`
    AmdStatusCallback AmdStatusCallbackMethod Beep Byoc CallReason CallSidToCoach CallToken
    CallerDisplayName CallerId ClientNotificationUrl Coaching ConferenceRecord
    ConferenceRecordingStatusCallback ConferenceRecordingStatusCallbackEvent
    ConferenceRecordingStatusCallbackMethod ConferenceStatusCallback ConferenceStatusCallbackEvent
    ConferenceStatusCallbackMethod ConferenceTrim EarlyMedia EndConferenceOnExit From JitterBufferSize
    Label MachineDetection MachineDetectionSilenceTimeout MachineDetectionSpeechEndThreshold
    MachineDetectionSpeechThreshold MachineDetectionTimeout MaxParticipants Muted Record
    RecordingChannels RecordingStatusCallback RecordingStatusCallbackEvent RecordingStatusCallbackMethod
    RecordingTrack Region SipAuthPassword SipAuthUsername StartConferenceOnEnter StatusCallback
    StatusCallbackEvent StatusCallbackMethod TimeLimit Timeout To Trim WaitMethod WaitUrl
  `),
  verification: words(`
    AppHash Amount Channel ChannelConfiguration CustomCode CustomFriendlyName CustomMessage DeviceIp
    EnableSnaClientToken Locale Payee RateLimits RiskCheck SendDigits Tags TemplateCustomSubstitutions
    TemplateSid To
  `),
};
