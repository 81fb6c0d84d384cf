"""placeholder."""


class Advice: ...


def learning_rate_advice(): ...
