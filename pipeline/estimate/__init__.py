"""What the stack on AWS costs in a month, before it is deployed: line by line, from GB a day."""

from pipeline.estimate.bill import Bill, Lever, bill, further_year_usd, levers, turning_point
from pipeline.estimate.given import given
from pipeline.estimate.lines import Line
from pipeline.estimate.plan import DELIVERIES, ROUTES, Plan
from pipeline.estimate.rates import Rate, rates

__all__ = ["DELIVERIES", "ROUTES", "Bill", "Lever", "Line", "Plan", "Rate"]
__all__ += ["bill", "further_year_usd", "given", "levers", "rates", "turning_point"]
