"""What the API says of itself: parameters, answers, and the OpenAPI document made of them and the route table."""
