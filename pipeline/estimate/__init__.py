"""What the stack on AWS costs in a month, before it is deployed: line by line, from GB a day."""

from pipeline.estimate.bill import Bill, Lever, bill, further_year_usd, levers, turning_point
from pipeline.estimate.given import given
from pipeline.estimate.lines import Line
from pipeline.estimate.plan import DELIVERIES, ROUTES, VIEWS, Plan, gb_of_views
from pipeline.estimate.rates import Rate, rates

__all__ = ["DELIVERIES", "ROUTES", "VIEWS", "Bill", "Lever", "Line", "Plan", "Rate"]
__all__ += ["bill", "further_year_usd", "gb_of_views", "given", "levers", "rates", "turning_point"]
