//! An invoice that is read together with the login of its reader.

use chainbill_app::{App, AppError, Context, Credentials, InvoiceView, MoneyView, NewInvoice, NewLine, Reader, Secret};
use chainbill_testkit::sea_orm::ConnectionTrait as _;

use crate::world::{new_user, on_every_primary};

async fn login(app: &App, name: &str) -> String {
    let password = Secret::new("correct horse battery".to_owned());
    let credentials = Credentials { email: format!("{name}@example.org"), password };
    app.login(&Context::default(), credentials).await.unwrap().token
}

fn line(description: &str) -> NewLine {
    let unit_price = MoneyView { amount: "1.00".to_owned(), currency: "EUR".to_owned() };
    NewLine { description: description.to_owned(), quantity: "1".to_owned(), unit_price, ..NewLine::default() }
}

fn text(invoice: &InvoiceView) -> String {
    serde_json::to_string(invoice).unwrap()
}

#[tokio::test]
async fn a_login_reads_what_its_user_sees_and_nothing_once_it_has_ended() {
    on_every_primary(async |app| {
        let (freelancer, _) = new_user(app, "femi", "FREELANCER").await;
        let (_, client) = new_user(app, "carla", "CLIENT").await;
        let new = NewInvoice {
            client_id: client.id,
            title: "It's work".to_owned(),
            notes: Some("at the end; -- of the \\ month 😀".to_owned()),
            currency: "EUR".to_owned(),
            due_date: Some("2031-12-31".to_owned()),
            lines: ["a", "b", "c"].map(line).into(),
            ..NewInvoice::default()
        };
        let created = app.create_invoice(&freelancer, new).await.unwrap().into_new().unwrap();
        let id = created.id.as_str();
        let token = login(app, "femi").await;
        let femi = Reader::of(&token).unwrap();
        let same = async || {
            let (read, known) = (app.read_invoice(&femi, id).await, app.invoice(&freelancer, id).await);
            let (read, known) = (text(&read.unwrap()), text(&known.unwrap()));
            assert_eq!(read, known);
            read
        };
        assert_eq!(same().await, text(&created));
        // As another program may leave them: the notes stand in the row of whichever line is the first.
        for change in ["UPDATE invoice_lines SET position=position+10", "DELETE FROM invoice_lines"] {
            app.records().execute_unprepared(change).await.unwrap();
            assert!(same().await.contains("month"));
        }
        let carla = Reader::of(&login(app, "carla").await).unwrap();
        for (reader, id) in [(&carla, id), (&femi, "nonsense"), (&femi, "00000000-0000-0000-0000-000000000000")] {
            assert!(matches!(app.read_invoice(reader, id).await, Err(AppError::NotFound(_))), "{id}");
        }
        app.logout(&token).await.unwrap();
        for id in [id, "nonsense"] {
            assert!(matches!(app.read_invoice(&femi, id).await, Err(AppError::Unauthenticated)), "{id}");
        }
        assert!(Reader::of("").is_err() && Reader::of(&"x".repeat(101)).is_err());
    })
    .await;
}
