from order_desk.crew import OrderDesk


def run() -> None:
    """Settles one order and prints what the manager says of it."""
    order = {
        "order_id": "1042",
        "amount": 2500,
        "refund": 500,
        "phone": "+14155552671",
        "email": "customer@example.com",
    }
    print(OrderDesk().crew().kickoff(inputs=order).raw)


if __name__ == "__main__":
    run()
