"""Topics: the change feed of a table, and its inbox, as topics of a Kafka broker.

documents   the position of a topic as the lake keeps it
positions   reads the position of a topic, and moves it on
streams     what is to be sent: the steps of a feed, or the parts of an inbox
settings    how to reach a broker, from a connection
broker      sends messages to a broker
publisher   sends what a topic lacks, and keeps the position

At least once: the position moves on after the broker has stored the messages.
"""
