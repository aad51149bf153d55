"""Exit 0 when the REST API says that the controller is alive."""

import http.client
import sys

connection = http.client.HTTPConnection("127.0.0.1", 8080, timeout=3)
connection.request("GET", "/livez")
sys.exit(connection.getresponse().status != 200)
